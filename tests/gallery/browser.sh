#!/bin/sh
# Chromium for the tests of pages: Debian's package where we may install it. Ends well whatever happens: without a
# browser these tests are skipped and say so.
for name in ${INTERPRET_BROWSER#required} chromium chromium-browser google-chrome-stable google-chrome \
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
	command -v "$name" >/dev/null 2>&1 && exit 0
done
install() {
	timeout 120 apt-get -q update && DEBIAN_FRONTEND=noninteractive timeout 300 apt-get -q install -y --no-install-recommends chromium
}
log=$(mktemp)
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "Installing Chromium for the tests of pages ..."
	{ install || install; } >"$log" 2>&1 || tail -5 "$log"
fi
rm -f "$log"
command -v chromium >/dev/null 2>&1 || cat <<'HOW'
There is no Chromium or Chrome: the tests of pages are skipped. To run them, install it (Debian: apt-get install
chromium; Fedora: dnf install chromium; macOS: brew install --cask google-chrome), or let INTERPRET_BROWSER name
the program.
HOW
