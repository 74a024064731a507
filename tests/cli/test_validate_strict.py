"""With `operators.prerequisites: strict` a prerequisite that does not exist holds the service that names it, and who needs that."""

from pathlib import Path

from tests.cli.worlds import FILES, World

SETTINGS = "config: {directory: config}\nsrc: {directory: platform, folder: src}\nstate: state\n"


def test_a_prerequisite_that_does_not_exist_is_an_error_where_the_settings_say_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write(FILES)
    world.write(
        {
            "config.yaml": SETTINGS,
            "platform/src/db/deploy/service.yaml": "prerequisite: [dbb]\nstart-script: start.sh\n",
        }
    )
    lenient = world.paiwatch("validate")
    world.write({"config.yaml": f"{SETTINGS}operators: {{prerequisites: strict}}\n"})
    strict = world.paiwatch("validate")

    told = "prerequisite 'dbb' does not exist; did you mean 'db'?"
    assert (lenient.exit_code, strict.exit_code) == (0, 2)
    assert f"src/db/deploy/service.yaml:1: warning: {told}" in lenient.stdout
    assert f"src/db/deploy/service.yaml:1: {told}" in strict.stdout.replace("error: ", "")
    (step,) = world.document("plan")["steps"]
    assert step["service"] == "web"
    assert "cannot run yet: 'db' has errors" in world.paiwatch("why", "web").stdout
