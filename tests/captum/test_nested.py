"""What a comparison finds depends on the code of the probes in it."""

from interpret.code.dependencies import code_files
from interpret.run.keys import code_of
from interpret_captum import Compare, Saliency
from interpret_occlusion import Occlusion


def test_the_content_key_of_a_comparison_knows_the_code_of_its_probes() -> None:
    probe = Compare(probes=[{"probe": "occlusion", "window": 24}, {"probe": "captum.saliency"}], target=3)
    assert probe.nested() == [Occlusion(window=24, target=3), Saliency(target=3)]
    counted = code_files(*code_of(probe)).items()
    assert counted >= code_files(Occlusion).items() | code_files(Saliency).items()
    assert not counted <= code_files(Compare).items()
