"""What pywa, a foreign reader, sees in a delivery: the class of update, id, type, sender, text.

pywa checks the signature as well: a delivery that it does not believe is an error here.
"""

import json
import logging

from pywa import WhatsApp
from pywa.types.base_update import RawUpdate

# It tells of each signature that it does not believe, as it is asked to.
logging.getLogger("pywa").setLevel(logging.CRITICAL)


class Foreign:
    def __init__(self, number, secret, verify_token):
        self.client = WhatsApp(
            phone_id=number, token="none", server=None, app_secret=secret, verify_token=verify_token,
            validate_updates=True, filter_updates=False,
        )

    def challenge(self, mode, token, challenge):
        """The answer that pywa gives to a handshake, and its status."""
        return self.client.webhook_challenge_handler(vt=token, ch=challenge)

    def believes(self, body, signature):
        refused = self.client.webhook_update_validator(update=body, hmac_header=signature)
        return refused is None

    def read(self, body):
        """None where pywa has no class for the delivery."""
        raw = RawUpdate(body, hmac_header=None, update_hash="")
        handler = self.client._get_handler_type(raw)
        if handler is None:
            return None
        update = self.client._handlers_to_updates[handler].from_update(client=self.client, update=raw)
        user = getattr(update, "from_user", None)
        sender = None
        if user is not None:
            bsuid, wa_id = getattr(user, "bsuid", None), getattr(user, "wa_id", None)
            sender = f"bsuid:{bsuid}" if bsuid else f"wa:{wa_id}" if wa_id else None
        text = getattr(update, "text", None) or getattr(update, "caption", None)
        inner = getattr(update, "message", None)
        if text is None and inner is not None:
            text = getattr(inner, "text", None) or getattr(inner, "caption", None)
        kind = getattr(update, "type", None)
        return {
            "class": type(update).__name__,
            "id": getattr(update, "id", None),
            "type": getattr(kind, "value", kind),
            "sender": sender,
            "text": text,
        }


if __name__ == "__main__":
    import sys
    from pathlib import Path

    reader = Foreign("1122334455667", "secret", "verify")
    for file in sorted(Path(sys.argv[1]).glob("*.json")):
        for name, payload in json.loads(file.read_text()).items():
            try:
                print(file.name, name, reader.read(json.dumps(payload).encode()))
            except Exception as error:
                print(file.name, name, "ERROR", type(error).__name__, error)
