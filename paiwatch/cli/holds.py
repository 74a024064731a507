"""`paiwatch suspend` and `paiwatch resume`: hands off a service, and back on."""

import click

from paiwatch.cli.acting import finish, obey, reason_option
from paiwatch.cli.call import Call, shared


@click.command()
@click.argument("service", required=False)
@click.option("--reason", required=True, help="Why; shown by status to whoever wonders.")
@shared
def suspend(call: Call, service: str | None, reason: str) -> None:
    """Start nothing more for SERVICE (or for all) until `paiwatch resume`. What runs now finishes; it survives restarts."""
    if not reason.strip():
        raise click.UsageError("say why with --reason: whoever looks at status tonight will wonder")
    reply = obey(call, {"verb": "suspend", "service": service, "reason": reason})
    finish(call, reply, f"{service or 'every service'} suspended: {reason}")


@click.command()
@click.argument("service", required=False)
@reason_option
@shared
def resume(call: Call, *, service: str | None, reason: str) -> None:
    """Take back `paiwatch suspend` for SERVICE (or the one for all)."""
    reply = obey(call, {"verb": "resume", "service": service, "reason": reason})
    if reply["resumed"]:
        finish(call, reply, f"{service or 'every service'} resumed")
        return
    as_one = "; `paiwatch resume SERVICE` takes back the suspension of one"
    finish(
        call, reply, f"{service} was not suspended" if service else f"there was no suspension of all{as_one}"
    )
