"""An SMTP server that wants STARTTLS and a password, and writes down every mail it takes.

server.py CERTIFICATE KEY FOLDER: prints its port; ends when standard input is closed.
"""

import asyncio
import ssl
import sys
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    """Keeps each mail as a file, with what the session says about its way."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        mail = message_from_bytes(envelope.content, policy=policy.default)
        cipher = session.ssl.get("cipher")[0] if session.ssl else "none"
        lines = [
            f"cipher: {cipher}",
            f"authenticated: {session.authenticated}",
            f"from: {envelope.mail_from}",
            f"to: {' '.join(envelope.rcpt_tos)}",
            f"subject: {mail['subject']}",
            "",
            mail.get_content(),
        ]
        (self.folder / f"{self.count}.txt").write_text("\n".join(lines), "utf-8")
        return "250 kept"


def authenticate(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"greffe", b"correct horse")
    return AuthResult(success=good)


async def main(certificate, key, folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    keeper = Keeper(Path(folder))

    def protocol():
        return SMTP(
            keeper,
            hostname="localhost",
            tls_context=context,
            require_starttls=True,
            authenticator=authenticate,
            auth_required=True,
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main(*sys.argv[1:]))
