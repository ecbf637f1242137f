/* The whole script of the gallery. It reads data that the page brought along, and asks nobody for anything. */
"use strict";
(() => {
  const root = document.documentElement.dataset.root || ".";
  /* by the folder they came from, and their name there: two steps on one page may use the same name */
  const data = new Map();
  const folder = (url) => url.slice(0, url.lastIndexOf("/") + 1);
  const put = (home, name, value) => data.set(`${home} ${name}`, value);
  const get = (home, name) => data.get(`${home} ${name}`);
  window.gallery = { put: (name, value) => put(folder(document.currentScript.getAttribute("src")), name, value) };
  const every = () => get(`${root}/assets/`, "pages") || [];

  /* ---- small helpers: text always enters as text, never as HTML ---- */
  const SVG = "http://www.w3.org/2000/svg";
  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }
  function svg(tag, attributes = {}, ...children) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }
  const bdi = (text) => make("bdi", {}, String(text));
  function number(value) {
    if (value === null || value === undefined) return "–";
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1000 && size < 1e6) return Math.round(value).toLocaleString("en-US").replace("-", "−");
    return String(Number(value.toPrecision(size >= 1 ? 3 : 2))).replace("-", "−");
  }
  function share(part) {
    const bar = make("span");
    bar.style.width = `${Math.round(part * 100)}%`;
    return make("span", { class: "track", "aria-hidden": "true" }, bar);
  }
  const plural = (count, word) => `${count.toLocaleString("en-US")} ${word}${count === 1 ? "" : "s"}`;

  /* ---- light and dark ---- */
  const THEMES = { auto: "Auto", light: "Light", dark: "Dark" };
  function remembered(key, value) {
    try {
      if (value === undefined) return localStorage.getItem(key);
      localStorage.setItem(key, value);
    } catch { /* a browser that keeps nothing for files */ }
    return null;
  }
  function setTheme(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const button = document.querySelector("[data-theme-button]");
    if (!button) return;
    button.textContent = THEMES[theme];
    button.setAttribute("aria-label", `Colours: ${THEMES[theme]}`);
  }
  function mountTheme() {
    let theme = remembered("interpret-theme");
    if (!(theme in THEMES)) theme = "auto";
    setTheme(theme);
    document.querySelector("[data-theme-button]")?.addEventListener("click", () => {
      const names = Object.keys(THEMES);
      theme = names[(names.indexOf(theme) + 1) % names.length];
      remembered("interpret-theme", theme);
      setTheme(theme);
    });
  }

  /* ---- find a page: by layer, unit, step ---- */
  function mountSearch() {
    const form = document.querySelector("[data-search]");
    if (!form) return;
    const input = form.querySelector("input");
    const found = make("ul", { class: "found", hidden: true });
    form.append(found);
    const close = () => { found.hidden = true; };
    const show = () => {
      const links = matches(input.value);
      found.replaceChildren(...links.map(([text, url]) => make("li", {}, make("a", { href: url }, bdi(text)))));
      if (input.value.trim() && !links.length) found.append(make("li", { class: "quiet" }, "Nothing is called so."));
      found.hidden = !input.value.trim();
    };
    input.addEventListener("input", show);
    input.addEventListener("focus", show);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      found.querySelector("a")?.click();
    });
    form.addEventListener("keydown", (event) => {
      const links = [...found.querySelectorAll("a")];
      const at = links.indexOf(document.activeElement);
      if (event.key === "Escape") { close(); input.focus(); }
      if (event.key === "ArrowDown" && links.length) { event.preventDefault(); links[Math.min(at + 1, links.length - 1)].focus(); }
      if (event.key === "ArrowUp" && at >= 0) { event.preventDefault(); at ? links[at - 1].focus() : input.focus(); }
    });
    found.addEventListener("click", close);
    document.addEventListener("click", (event) => { if (!form.contains(event.target)) close(); });
  }
  function matches(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const units = words.filter((word) => /^\d+$/.test(word)).map(Number);
    const links = [];
    for (const page of every()) {
      const about = `${page.title} ${page.step} ${page.layer}`.toLowerCase();
      const url = `${root}/${page.url}`;
      if (words.every((word) => about.includes(word))) links.push([`${page.step} · ${page.title}`, url]);
      for (const unit of units) {
        if (page.units.includes(unit) && words.filter((word) => Number(word) !== unit).every((word) => about.includes(word))) {
          links.push([`${page.step} · ${page.layer}, unit ${unit}`, `${url}#${unit}`]);
        }
      }
    }
    return links.slice(0, 40);
  }

  /* ---- tables that sort ---- */
  function mountTable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      head.setAttribute("aria-sort", "none");
      const button = make("button", { type: "button" }, ...head.childNodes);
      head.replaceChildren(button);
      button.addEventListener("click", () => sortTable(table, heads, place));
    });
  }
  function sortTable(table, heads, place) {
    const down = heads[place].getAttribute("aria-sort") === (heads[place].classList.contains("right") ? "none" : "ascending");
    heads.forEach((head) => head.setAttribute("aria-sort", "none"));
    heads[place].setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[place].dataset.key ?? row.cells[place].textContent;
    const numeric = heads[place].classList.contains("right");
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((one, other) => {
      const [a, b] = [key(one), key(other)];
      if (a === "" || b === "") return (a === "") - (b === "");
      const order = numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true });
      return down ? -order : order;
    });
    body.append(...rows);
  }

  /* ---- charts: the values at the pointer, or at the arrow keys ---- */
  function mountChart(figure) {
    const drawing = figure.querySelector("svg");
    const columns = [...drawing.querySelectorAll(".column")];
    const rows = [...drawing.querySelectorAll(".row")];
    const items = columns.length ? columns : rows;
    const tip = make("div", { class: "tip", role: "status", hidden: true });
    figure.append(tip);
    let at = -1;
    const show = (place) => {
      at = place;
      const item = items[place];
      rows.forEach((row) => row.classList.toggle("at", row === item));
      tip.textContent = `${item.dataset.name}\n${item.dataset.told}`;
      tip.hidden = false;
      figure.classList.add("told");
      const box = drawing.getBoundingClientRect();
      const scale = box.width / drawing.viewBox.baseVal.width;
      if (columns.length) {
        const x = Number(item.dataset.x);
        const line = drawing.querySelector(".pointer");
        line.setAttribute("x1", x);
        line.setAttribute("x2", x);
        const left = x * scale;
        tip.style.left = `${left > box.width / 2 ? Math.max(left - tip.offsetWidth - 12, 0) : left + 12}px`;
        tip.style.top = `${drawing.offsetTop + 14 || 40}px`;
      } else {
        const back = item.querySelector(".back");
        tip.style.left = `${Math.max(box.width - tip.offsetWidth, 0)}px`;
        tip.style.top = `${(Number(back.getAttribute("y")) + Number(back.getAttribute("height"))) * scale + 30}px`;
      }
    };
    const hide = () => {
      tip.hidden = true;
      at = -1;
      figure.classList.remove("told");
      rows.forEach((row) => row.classList.remove("at"));
    };
    drawing.addEventListener("pointermove", (event) => {
      const box = drawing.getBoundingClientRect();
      const scale = drawing.viewBox.baseVal.width / box.width;
      const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
      const far = (item) => columns.length
        ? Math.abs(Number(item.dataset.x) - x)
        : Math.abs(Number(item.querySelector(".back").getAttribute("y")) + Number(item.querySelector(".back").getAttribute("height")) / 2 - y);
      show(items.reduce((best, item, place) => (far(item) < far(items[best]) ? place : best), 0));
    });
    drawing.addEventListener("pointerleave", hide);
    drawing.addEventListener("blur", hide);
    drawing.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      show((at + step + items.length) % items.length);
    });
  }

  /* ---- sliders and tabs ---- */
  function mountSlider(slider) {
    const input = slider.querySelector("input");
    const frames = [...slider.querySelectorAll(":scope > .frame")];
    input.addEventListener("input", () => {
      frames.forEach((frame, place) => { frame.hidden = place !== Number(input.value); });
      const name = frames[Number(input.value)].dataset.name;
      slider.querySelector("output").textContent = name;
      input.setAttribute("aria-valuetext", name);
    });
  }
  function mountTabs(tabs) {
    const buttons = [...tabs.querySelectorAll(":scope > div > button")];
    const panels = [...tabs.querySelectorAll(":scope > .panel")];
    buttons.forEach((button, place) => button.addEventListener("click", () => {
      buttons.forEach((other, index) => other.setAttribute("aria-pressed", String(index === place)));
      panels.forEach((panel, index) => { panel.hidden = index !== place; });
    }));
  }

  /* ---- pieces of a sheet of tiles ---- */
  function cut(node, sheet, x, y, width, height, base = "") {
    const [tall, wide] = sheet.size;
    node.style.backgroundImage = `url("${base}${sheet.url}")`;
    node.style.backgroundSize = `${(wide / width) * 100}% ${(tall / height) * 100}%`;
    node.style.backgroundPosition = `${wide > width ? (x / (wide - width)) * 100 : 0}% ${tall > height ? (y / (tall - height)) * 100 : 0}%`;
    node.style.aspectRatio = `${width} / ${height}`;
    return node;
  }

  /* ---- the units of a layer ---- */
  let lists = 0;
  const KINDS = { projections: "Projections", patches: "Patches" };
  class Units {
    constructor(host, set, base = "") {
      this.host = host;
      this.base = base;
      this.set = set;
      const entry = host.closest(".entry");
      this.prefix = entry ? `${entry.id}/` : "";  // where several layers are on one page
      this.units = set.units.map(([number, sheet, x, y, values, photos, boxes, maxima]) =>
        this.measured({ number, sheet, x, y, values, photos, boxes, maxima }));
      this.byNumber = new Map(this.units.map((unit) => [unit.number, unit]));
      this.state = { sort: "number", only: "all", text: "", kind: set.kinds[0] };
      this.grid = make("ul", { class: "tiles", "aria-label": host.getAttribute("aria-label") });
      this.count = make("span", { class: "count", role: "status" });
      this.view = make("section", { class: "unit", hidden: true, "aria-live": "off" });
      this.list = make("section", {}, this.tools(), this.grid);
      host.append(this.list, this.view);
      this.watcher = new IntersectionObserver((entries) => {
        for (const entry of entries) {
          if (!entry.isIntersecting) continue;
          this.paint(entry.target);
          this.watcher.unobserve(entry.target);
        }
      }, { rootMargin: "400px" });
      this.draw();
      window.addEventListener("beforeprint", () => { for (const tile of this.grid.children) if (tile.dataset.unit) this.paint(tile); });
      if (host.dataset.still === undefined) {
        window.addEventListener("hashchange", () => this.follow());
        document.addEventListener("keydown", (event) => this.key(event));
        this.follow(true);
      }
    }
    measured(unit) {
      const counts = new Map();
      for (const photo of unit.photos) {
        const category = this.set.photos[photo]?.[2] ?? -1;
        if (category >= 0) counts.set(category, (counts.get(category) || 0) + 1);
      }
      const known = [...counts.values()].reduce((sum, count) => sum + count, 0);
      unit.categories = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
      unit.purity = known > 1 ? unit.categories[0][1] / known : null;
      unit.strength = unit.values.length ? unit.values[0] : null;
      unit.quiet = !unit.values.length;
      return unit;
    }
    named(photo) {
      const [, name, category] = this.set.photos[photo] ?? [0, ""];
      return `${category >= 0 ? this.category(category) : ""}\n${name}`.toLowerCase();
    }
    category(index) { return this.set.categories[index] ?? `class ${index}`; }
    tools() {
      const choose = (label, name, options) => {
        const select = make("select", { onchange: (event) => { this.state[name] = event.target.value; this.draw(); } },
          ...options.map(([value, text]) => make("option", { value }, text)));
        return make("label", {}, label, select);
      };
      const text = make("input", { type: "search", placeholder: "name or number", "aria-label": "Show units with this category, photograph or number",
        oninput: (event) => { this.state.text = event.target.value; this.draw(); },
        onkeydown: (event) => { if (event.key === "Enter") this.linkOf(event.target.value.trim())?.click(); } });
      if (this.set.categories.length) {
        const id = `categories-${lists += 1}`;
        text.setAttribute("list", id);
        const present = [...new Set(this.units.flatMap((unit) => unit.categories.map(([category]) => category)))];
        this.names = make("datalist", { id }, ...present.map((category) => make("option", { value: this.category(category) })));
      }
      const dead = this.set.quiet || "dead";
      return make("div", { class: "tools" },
        make("label", {}, "Find", text), this.names,
        choose("Sort by", "sort", [["number", "unit"], ["strength", "strength"], ...(this.set.categories.length ? [["purity", "purity of categories"]] : [])]),
        choose("Show", "only", [["all", "all units"], ["alive", `units that are not ${dead}`], ["quiet", `${dead} units`],
          ...(this.set.categories.length ? [["pure", "units of one category (purity ≥ 0.7)"]] : [])]),
        this.set.kinds.length > 1 ? choose("As", "kind", this.set.kinds.map((kind) => [kind, KINDS[kind] || kind])) : null,
        this.count);
    }
    linkOf(text) { return /^\d+$/.test(text) ? this.grid.querySelector(`[data-unit="${Number(text)}"] a`) : null; }
    chosen() {
      const { sort, only, text } = this.state;
      const wanted = text.trim().toLowerCase(), digits = /^\d+$/.test(wanted);
      const counts = new Map();
      const count = (unit) => {
        if (!counts.has(unit)) counts.set(unit, unit.photos.filter((photo) => this.named(photo).includes(wanted)).length);
        return counts.get(unit);
      };
      const fits = (unit) => {
        if (only === "alive" && unit.quiet) return false;
        if (only === "quiet" && !unit.quiet) return false;
        if (only === "pure" && !(unit.purity >= 0.7)) return false;
        if (!wanted) return true;
        return digits ? String(unit.number).startsWith(wanted) : count(unit) > 0;
      };
      const order = { number: (unit) => (wanted && !digits ? -count(unit) : unit.number), strength: (unit) => -(unit.strength ?? -Infinity), purity: (unit) => -(unit.purity ?? -1) }[sort];
      return this.units.filter(fits).sort((a, b) => order(a) - order(b) || a.number - b.number);
    }
    draw() {
      this.shown = this.chosen();
      const first = this.state.sort === "number" && this.shown.length > 1 && /\D/.test(this.state.text.trim()) ? ", those with most first" : "";
      this.count.textContent = this.shown.length === this.units.length ? plural(this.units.length, "unit") : `${this.shown.length.toLocaleString("en-US")} of ${plural(this.units.length, "unit")}${first}`;
      this.watcher.disconnect();
      this.grid.replaceChildren(...this.shown.map((unit) => this.tile(unit)));
      if (!this.shown.length) this.grid.append(make("li", { class: "empty" }, "No unit fits. Clear the field, or show all units."));
      for (const tile of this.grid.children) if (tile.dataset.unit) this.watcher.observe(tile);
    }
    tile(unit) {
      const dead = this.set.quiet || "dead";
      const told = unit.quiet ? dead : this.headline(unit);
      const picture = make("span", { class: unit.quiet ? "sprite none" : "sprite", "aria-hidden": "true" }, unit.quiet ? dead : null);
      const link = make("a", {
        href: this.address(unit),
      }, picture, make("span", { class: "number" }, make("span", { class: "hidden" }, "Unit "), String(unit.number)), make("span", { class: "told", title: told }, bdi(told)));
      return make("li", { class: "tile", "data-unit": unit.number }, link);
    }
    address(unit) { return `${this.host.dataset.link || ""}#${this.prefix}${unit.number}`; }
    headline(unit) {
      const strongest = number(unit.strength);
      const shows = unit.categories.length ? this.category(unit.categories[0][0]) : this.photo(unit, 0).name;
      return `${strongest} · ${shows}`;
    }
    paint(tile) {
      const unit = this.byNumber.get(Number(tile.dataset.unit));
      if (unit.quiet) return;
      const [h, w] = this.set.tile;
      const across = this.set.across;
      const place = this.set.kinds.indexOf(this.state.kind);
      const down = Math.ceil(this.set.per / across);
      const sprite = tile.querySelector(".sprite");
      sprite.style.setProperty("--across", across);
      sprite.style.setProperty("--down", down);
      cut(sprite, this.set.sheets[unit.sheet], unit.x + place * across * w, unit.y, across * w, down * h, this.base);
    }
    follow(first = false) {
      const hash = location.hash.slice(1);
      const wanted = hash.startsWith(this.prefix) ? hash.slice(this.prefix.length) : "";
      const unit = /^\d+$/.test(wanted) ? this.byNumber.get(Number(wanted)) : null;
      if (!unit) {
        const before = this.current;
        this.current = null;
        this.view.hidden = true;
        this.list.hidden = false;
        if (before) {
          document.title = document.title.replace(/^Unit \d+, /, "");
          const tile = this.grid.querySelector(`[data-unit="${before.number}"] a`);
          tile?.focus({ preventScroll: true });
          tile?.scrollIntoView({ block: "center" });
        }
        return;
      }
      this.current = unit;
      this.list.hidden = true;
      this.view.hidden = false;
      this.view.replaceChildren(...this.page(unit));
      document.title = `Unit ${unit.number}, ${document.title.replace(/^Unit \d+, /, "")}`;
      if (!first) this.view.querySelector("h2").focus({ preventScroll: true });
      if (this.prefix) this.view.scrollIntoView();
      else if (!first) window.scrollTo(0, 0);
    }
    key(event) {
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      const other = document.activeElement?.closest("[data-units]") ?? this.host;
      if (event.defaultPrevented || other !== this.host) return;  // it is another layer's, or an occluder's
      if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (this.current) {
        if (event.key === "Escape") this.close();
        if (event.key === "ArrowRight") this.step(1);
        if (event.key === "ArrowLeft") this.step(-1);
        return;
      }
      const tiles = [...this.grid.querySelectorAll("a")];
      const at = tiles.indexOf(document.activeElement);
      if (event.key === "/") { event.preventDefault(); this.list.querySelector("input").focus(); }
      if (at < 0) return;
      const row = (tile) => tile.parentElement.offsetTop;
      const across = tiles.filter((tile) => row(tile) === row(tiles[0])).length;
      const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, Home: -at, End: tiles.length - 1 - at };
      if (event.key in steps) {
        event.preventDefault();
        tiles[Math.min(Math.max(at + steps[event.key], 0), tiles.length - 1)].focus();
      }
    }
    close() { history.pushState(null, "", location.pathname + location.search); this.follow(); }
    step(by) {
      const place = this.shown.indexOf(this.current);
      const next = this.shown[(place + by + this.shown.length) % this.shown.length];
      if (next) location.hash = `${this.prefix}${next.number}`;
    }
    page(unit) {
      const dead = this.set.quiet || "dead";
      const head = make("div", { class: "unit-head" },
        make("h2", { tabindex: "-1" }, `Unit ${unit.number}`),
        make("span", { class: "quiet" }, unit.quiet ? dead : `strongest ${number(unit.strength)}, place ${this.rank(unit)} of ${this.units.length}`),
        make("nav", { "aria-label": "Units" },
          make("button", { type: "button", onclick: () => this.step(-1), "aria-label": "Unit before" }, "← Before"),
          make("button", { type: "button", onclick: () => this.close() }, "All units"),
          make("button", { type: "button", onclick: () => this.step(1), "aria-label": "Next unit" }, "Next →")));
      if (unit.quiet) {
        return [head, make("p", { class: "empty" }, `This unit is ${dead}: on these images it is never positive.`), this.facets(unit)];
      }
      return [head, make("div", { class: "unit-body" }, this.nine(unit), this.facets(unit))];
    }
    rank(unit) { return this.units.filter((other) => other.strength > unit.strength).length + 1; }
    nine(unit) {
      return make("ol", { class: "nine" }, ...unit.values.map((value, rank) => {
        const photo = this.photo(unit, rank);
        const pair = make("span", { class: this.set.kinds.length > 1 ? "pair" : "pair one" },
          ...this.set.kinds.map((kind) => this.piece(unit, rank, kind)));
        const told = make("span", { class: "told" }, make("b", {}, number(value)), " ", bdi(photo.category || photo.name));
        return make("li", {}, make("button", {
          type: "button", "aria-label": `${rank + 1}: activation ${number(value)}, ${photo.category ? `${photo.category}, ` : ""}${photo.name}. Show the whole photograph.`,
          onclick: () => this.look(unit, rank),
        }, pair, told));
      }));
    }
    photo(unit, rank) {
      const [url, name, category] = this.set.photos[unit.photos[rank]] || ["", String(unit.photos[rank]), -1];
      return { url, name, category: category >= 0 ? this.category(category) : "" };
    }
    piece(unit, rank, kind) {
      const [h, w] = this.set.tile;
      const across = this.set.across;
      const x = unit.x + (this.set.kinds.indexOf(kind) * across + (rank % across)) * w;
      return cut(make("span", { class: "sprite", role: "img", "aria-label": kind === "patches" ? "patch of the photograph" : "projection" }),
        this.set.sheets[unit.sheet], x, unit.y + Math.floor(rank / across) * h, w, h);
    }
    facets(unit) {
      const parts = [];
      if (unit.maxima && unit.maxima.some(Boolean)) parts.push(make("h3", {}, "Its maximum over all images"), this.maxima(unit));
      if (unit.categories.length) {
        parts.push(make("h3", {}, "Categories of its exemplars"), make("ul", { class: "bars" }, ...unit.categories.slice(0, 9).map(([category, count]) =>
          make("li", {}, make("span", { title: this.category(category) }, bdi(this.category(category))), share(count / unit.photos.length), make("span", {}, String(count))))));
      }
      const sharing = unit.quiet ? [] : this.sharing(unit);
      if (sharing.length) {
        parts.push(make("h3", {}, "Units with the same photographs"), make("p", { class: "links" }, ...sharing.map(([other, count]) =>
          make("a", { href: this.address(other) }, `unit ${other.number} (${count} of ${unit.photos.length})`))));
      }
      const elsewhere = this.elsewhere(unit);
      if (elsewhere.length) {
        parts.push(make("h3", {}, "The same unit elsewhere"), make("p", { class: "links" }, ...elsewhere.map((page) =>
          make("a", { href: `${root}/${page.url}#${unit.number}` }, bdi(`${page.step} · ${page.title}`)))));
      }
      return make("div", { class: "facets" }, ...parts);
    }
    sharing(unit) {
      const mine = new Set(unit.photos);
      return this.units.filter((other) => other !== unit)
        .map((other) => [other, new Set(other.photos.filter((photo) => mine.has(photo))).size])
        .filter(([, count]) => count > 1).sort((a, b) => b[1] - a[1] || a[0].number - b[0].number).slice(0, 6);
    }
    elsewhere(unit) {
      const here = decodeURIComponent(location.pathname);
      return every().filter((page) => page.layer === this.set.layer && page.units.includes(unit.number) && !here.endsWith(`/${decodeURIComponent(page.url)}`));
    }
    maxima(unit) {
      const counts = unit.maxima;
      const [low, high] = [counts.findIndex(Boolean), counts.length - [...counts].reverse().findIndex(Boolean)];
      const most = Math.max(...counts);
      const width = 320 / (high - low);
      const drawing = svg("svg", { class: "maxima", viewBox: "0 0 340 120", role: "img", "aria-label": this.maximaText(counts, low, high) });
      for (let place = low; place < high; place += 1) {
        const height = (counts[place] / most) * 84;
        const bar = svg("rect", { x: 10 + (place - low) * width, y: 92 - height, width: Math.max(width - 1, 1), height });
        bar.append(svg("title", {}, `${this.binText(place)}: ${plural(counts[place], "image")}`));
        drawing.append(bar);
      }
      drawing.append(svg("line", { x1: 10, x2: 330, y1: 92.5, y2: 92.5 }));
      const label = (x, anchor, text) => drawing.append(svg("text", { x, y: 108, "text-anchor": anchor }, text));
      label(10, "start", this.binText(low));
      if (high - low > 1) label(330, "end", this.binText(high - 1));
      return drawing;
    }
    binText(place) {
      const edges = this.set.edges || [];
      if (place === 0) return "≤ 0";
      const [from, to] = [edges[place - 1], edges[place]];
      return to === undefined || to === null ? `> ${number(from)}` : `${number(from)} to ${number(to)}`;
    }
    maximaText(counts, low, high) {
      const total = counts.reduce((sum, count) => sum + count, 0);
      return `Largest activation in each of ${plural(total, "image")}: from ${this.binText(low)} to ${this.binText(high - 1)}; ${plural(counts[0], "image")} without any.`;
    }
    look(unit, rank) {
      const before = document.activeElement;
      const dialog = make("dialog", { "aria-label": "The whole photograph" });
      const show = (place) => {
        rank = (place + unit.values.length) % unit.values.length;
        const photo = this.photo(unit, rank);
        const [top, left, bottom, right] = unit.boxes[rank];
        const [h, w] = this.set.size;
        const box = (kind) => svg("rect", { class: kind, x: left, y: top, width: right - left, height: bottom - top });
        const stage = photo.url
          ? make("div", { class: "stage" }, make("img", { src: photo.url, alt: `Photograph ${photo.name}`, width: w, height: h }), svg("svg", { viewBox: `0 0 ${w} ${h}`, preserveAspectRatio: "none", "aria-hidden": "true" }, box("box-back"), box("box")))
          : make("p", { class: "empty" }, "The photograph cannot be read here.");
        const fact = (name, value) => make("div", {}, make("dt", {}, name), make("dd", {}, bdi(value)));
        dialog.replaceChildren(make("div", { class: "viewer" }, stage, make("div", {},
          make("h2", { tabindex: "-1" }, `Unit ${unit.number}, strongest image ${rank + 1}`),
          make("dl", { class: "facts" }, fact("activation", number(unit.values[rank])), photo.category ? fact("category", photo.category) : null,
            fact("photograph", photo.name), fact("it sees", `${bottom - top} × ${right - left} pixels at row ${top}, column ${left}`)),
          make("div", { class: "pair" }, ...this.set.kinds.map((kind) => this.piece(unit, rank, kind))),
          make("div", { class: "actions" },
            make("button", { type: "button", onclick: () => show(rank - 1) }, "← Before"),
            make("button", { type: "button", onclick: () => show(rank + 1) }, "Next →"),
            make("button", { type: "button", onclick: () => dialog.close() }, "Close")))));
      };
      show(rank);
      dialog.addEventListener("keydown", (event) => {
        if (event.key === "ArrowRight") show(rank + 1);
        if (event.key === "ArrowLeft") show(rank - 1);
      });
      dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
      dialog.addEventListener("close", () => { dialog.remove(); before?.focus({ preventScroll: true }); });
      document.body.append(dialog);
      dialog.showModal();
    }
  }

  /* ---- a window that moves over a photograph ---- */
  function mountWindow(host, set) {
    const [h, w] = set.size;
    const state = { map: 0, row: set.start[0], column: set.start[1], pinned: false };
    const heat = make("img", { class: "heat", alt: "" });
    const cover = svg("rect", { width: set.window[1], height: set.window[0], fill: set.fill || "#808080" });
    const edge = svg("rect", { width: set.window[1], height: set.window[0], class: "box" });
    const back = svg("rect", { width: set.window[1], height: set.window[0], class: "box-back" });
    const stage = make("div", { class: "stage", tabindex: "0", role: "application", "aria-label": "The photograph. The pointer or the arrow keys move the occluder; the values are in the table beside it." },
      photograph(set), heat,
      svg("svg", { viewBox: `0 0 ${w} ${h}`, preserveAspectRatio: "none", "aria-hidden": "true" }, cover, back, edge));
    const readout = make("div", { class: "readout", role: "status" });
    const scale = make("div", { class: "scale" });
    const opacity = make("input", { type: "range", min: 0, max: 100, value: 60, "aria-label": "Strength of the map over the photograph" });
    const buttons = set.maps.map((map, place) => make("button", { type: "button", "aria-pressed": "false", onclick: () => { state.map = place; choose(); } }, bdi(map.name)));
    function choose() {
      const map = set.maps[state.map];
      buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(place === state.map)));
      heat.src = map.url;
      if (map.bar) scale.replaceChildren(make("span", {}, map.low), make("img", { src: map.bar, alt: `Colours from ${map.low} to ${map.high}` }), make("span", {}, map.high));
      else scale.replaceChildren(...(map.legend || []).map(([name, url]) => make("span", {}, make("img", { src: url, alt: "", width: 12, height: 12 }), " ", bdi(name))));
    }
    function told(map) {
      const value = map.values[state.row][state.column];
      return map.names ? map.names[value] ?? `class ${value}` : number(value);
    }
    function show() {
      const [y, x] = [set.rows[state.row], set.columns[state.column]];
      for (const node of [cover, edge, back]) { node.setAttribute("x", x); node.setAttribute("y", y); }
      const rows = set.maps.map((map) => make("tr", {}, make("th", { scope: "row" }, bdi(map.name)), make("td", {}, bdi(told(map))), make("td", {}, bdi(map.names ? map.names[map.whole] ?? "" : number(map.whole)))));
      readout.replaceChildren(make("p", {}, `Occluder at row ${y}, column ${x}`),
        make("table", {}, make("thead", {}, make("tr", {}, make("th", {}, ""), make("td", {}, "covered there"), make("td", {}, "nothing covered"))), make("tbody", {}, ...rows)));
    }
    const nearest = (places, at, length) => places.reduce((best, start, place) => Math.abs(start + length / 2 - at) < Math.abs(places[best] + length / 2 - at) ? place : best, 0);
    function move(event) {
      const box = stage.getBoundingClientRect();
      state.row = nearest(set.rows, ((event.clientY - box.top) / box.height) * h, set.window[0]);
      state.column = nearest(set.columns, ((event.clientX - box.left) / box.width) * w, set.window[1]);
      show();
    }
    stage.addEventListener("pointermove", move);
    stage.addEventListener("pointerdown", move);
    stage.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      state.row = Math.min(Math.max(state.row + step[0], 0), set.rows.length - 1);
      state.column = Math.min(Math.max(state.column + step[1], 0), set.columns.length - 1);
      show();
    });
    const fade = () => { heat.style.opacity = Number(opacity.value) / 100; };
    opacity.addEventListener("input", fade);
    host.classList.add("window");
    host.replaceChildren(make("div", {}, stage, scale, make("label", { class: "scale" }, "photograph", opacity, "map")),
      make("div", {}, make("div", { class: "tabs" }, make("div", { role: "group", "aria-label": "Map over the photograph" }, ...buttons)), readout));
    choose();
    fade();
    show();
  }

  /* ---- small pictures with a number each ---- */
  function mountTiles(host, set) {
    const [h, w] = set.tile;
    const tiles = set.values.map((value, place) => {
      const picture = cut(make("span", { class: "sprite", role: "img", "aria-label": `${set.item} ${place}` }), set.sheet, (place % set.across) * w, Math.floor(place / set.across) * h, w, h);
      return make("li", {}, picture, make("b", {}, String(place)), make("span", { class: "quiet" }, number(value)));
    });
    const list = make("ul", { "aria-label": host.dataset.label });
    const order = () => {
      const places = set.values.map((_, place) => place);
      if (select.value === "measure") places.sort((a, b) => (set.values[b] ?? -Infinity) - (set.values[a] ?? -Infinity) || a - b);
      list.replaceChildren(...places.map((place) => tiles[place]));
    };
    const select = make("select", { onchange: order }, make("option", { value: "number" }, set.item), make("option", { value: "measure" }, set.measure));
    host.classList.add("crisp");
    host.replaceChildren(make("label", {}, "Sort by ", select), list);
    order();
  }

  /* ---- one of several maps over a photograph ---- */
  function photograph(set) {
    const [h, w] = set.size;
    if (set.photo) return make("img", { src: set.photo, alt: set.alt, width: w, height: h });
    const blank = make("div", { class: "blank", role: "img", "aria-label": `${set.alt}: it cannot be read here` }, "The photograph cannot be read here");
    blank.style.aspectRatio = `${w} / ${h}`;
    return blank;
  }
  /* a name that may break after a dot or an underscore */
  const breaking = (text) => {
    const parts = String(text).split(/(?<=[._])/);
    return make("bdi", {}, ...parts.flatMap((part, place) => (place ? [make("wbr"), part] : [part])));
  };
  function mountOverlay(host, set) {
    const heat = make("img", { class: "heat", alt: "" });
    const scale = make("div", { class: "scale" });
    const name = make("h3", { role: "status" });
    const note = make("p", { class: "quiet" });
    const strength = make("input", { type: "range", min: 0, max: 100, value: set.photo ? 65 : 100, "aria-label": "Strength of the map over the photograph" });
    const fade = () => { heat.style.opacity = Number(strength.value) / 100; };
    strength.addEventListener("input", fade);
    const buttons = set.maps.map((map, place) => make("button", { type: "button", onclick: () => choose(place) },
      make("img", { src: map.url, alt: map.alt, width: set.size[1], height: set.size[0], loading: "lazy" }), make("b", {}, breaking(map.name)), map.text ? make("span", {}, bdi(map.text)) : null));
    function choose(place) {
      const map = set.maps[place];
      buttons.forEach((button, other) => button.setAttribute("aria-pressed", String(other === place)));
      heat.src = map.url;
      name.replaceChildren(bdi(map.name));
      note.replaceChildren(bdi(map.note));
      scale.replaceChildren(make("span", {}, map.low), make("img", { src: map.bar, alt: `Colours from ${map.low} to ${map.high}` }), make("span", {}, map.high));
    }
    host.classList.add("overlay");
    host.replaceChildren(
      make("div", {}, make("div", { class: "stage" }, photograph(set), heat), name, scale, make("label", { class: "scale" }, "photograph", strength, "map"), note),
      make("div", { class: "choices", role: "group", "aria-label": "Map over the photograph" }, ...buttons));
    choose(0);
    fade();
  }

  /* ---- the units of two layers beside each other; their data come when they are asked for ---- */
  const loaded = new Map();
  function load(key, script) {
    if (!loaded.has(script)) {
      loaded.set(script, new Promise((done, failed) => {
        const node = make("script", { src: `${root}/${script}` });
        node.addEventListener("load", () => done(get(folder(`${root}/${script}`), key)));
        node.addEventListener("error", failed);
        document.head.append(node);
      }));
    }
    return loaded.get(script);
  }
  function mountSide(section) {
    const select = section.querySelector("select");
    const show = async () => {
      const { key, script, page } = select.selectedOptions[0].dataset;
      const host = make("div", { "data-still": true, "data-link": `${root}/${page}`, "aria-label": `Units of ${select.value}` });
      section.querySelector("div").replaceChildren(host);
      try {
        const set = await load(key, script);
        if (host.isConnected) new Units(host, set, folder(`${root}/${script}`));
      } catch {
        host.append(make("p", { class: "empty" }, "The units of this layer cannot be loaded."));
      }
    };
    select.selectedIndex = Number(section.dataset.side);
    select.addEventListener("change", show);
    return show();
  }

  /* ---- links to what other steps show of a layer and its units ---- */
  function mountLook(host) {
    const { look, model } = host.dataset;
    const units = JSON.parse(host.dataset.units);
    for (const page of every().filter((found) => found.layer === look && found.model === model)) {
      const url = `${root}/${page.url}`;
      host.append(" ", make("a", { href: url }, bdi(`${page.step} · ${page.title}`)));
      for (const unit of units.filter((one) => page.units.includes(one)).slice(0, LOOKS)) host.append(" ", make("a", { href: `${url}#${unit}` }, `unit ${unit}`));
    }
  }
  const LOOKS = 8;

  /* ---- everything on this page ---- */
  document.addEventListener("DOMContentLoaded", () => {
    mountTheme();
    mountSearch();
    if (window.innerWidth <= 900) document.querySelectorAll("[data-narrow-closed]").forEach((node) => node.removeAttribute("open"));
    document.querySelectorAll("table[data-sort]").forEach(mountTable);
    document.querySelectorAll("[data-chart]").forEach(mountChart);
    document.querySelectorAll("[data-slider]").forEach(mountSlider);
    document.querySelectorAll("[data-tabs]").forEach(mountTabs);
    const mount = (kind, draw) => document.querySelectorAll(`[data-${kind}]`).forEach((host) => {
      const set = get(host.closest("[data-home]")?.dataset.home || "", host.dataset[kind]);
      if (set) draw(host, set);
    });
    mount("units", (host, set) => new Units(host, set));
    mount("window", mountWindow);
    mount("tiles", mountTiles);
    mount("overlay", mountOverlay);
    document.querySelectorAll("[data-look]").forEach(mountLook);
    [...document.querySelectorAll("[data-side]")].reduce((before, section) => before.then(() => mountSide(section)), Promise.resolve());
  });
})();
