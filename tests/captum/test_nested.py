"""What a comparison finds depends on the code of the probes in it."""

from interpret.plugins import registry
from interpret.provenance import Provenance
from interpret.store import code_version
from interpret_captum import Compare, Saliency
from interpret_occlusion import Occlusion


def test_the_content_key_of_a_comparison_knows_the_code_of_its_probes() -> None:
    probe = Compare(probes=[{"probe": "occlusion", "window": 24}, {"probe": "captum.saliency"}], target=3)
    code = Provenance(None, registry())._code(probe)
    assert {code_version(Occlusion), code_version(Saliency)} <= set(code)
    assert probe.nested() == [Occlusion(window=24, target=3), Saliency(target=3)]
