### English. One key a line; `-next` says what to do after a failure. French has the same keys.

## Failures
failure = greffe: { $text }
no-archive = There is no archive in { $folder } or above it.
no-archive-next = Make one here with `greffe init`, or name its folder with --home DIR.
no-archive-there = There is no archive in { $folder }.
no-archive-there-next = Make one with `greffe init --home DIR`.
no-current-folder = This folder can not be read: { $why }.
archive-exists = There is an archive in { $folder } already; nothing was changed.
archive-exists-next = Use it as it is (`greffe status`), or name another folder with --home DIR.
folder-not-empty = { $folder } is not empty; an archive is made in a folder of its own.
folder-not-empty-next = Name a new folder with --home DIR.
can-not-read = { $path } can not be read: { $why }.
can-not-write = { $path } can not be written: { $why }.
can-not-write-next = Is there room on the disk, and may this user write there?
settings-wrong = { $path } is not as expected: { $why }.
settings-wrong-next = Mend the line named above; `greffe doctor` looks at the whole folder.
archive-in-use = Another greffe command is at work in { $folder }.
archive-in-use-next = Wait until it has ended. With `greffe up` running, commands work side by side.
usage-wrong = { $why }
usage-wrong-next = `greffe --help` lists the commands, `greffe COMMAND --help` explains one.
holders-form = holders are written K/N with 2 ≤ K ≤ N ≤ 16, for example 2/3

## Passphrases
passphrase-ask = Passphrase of the archive: 
passphrase-choose = Choose a passphrase for the archive: 
passphrase-again = The same again: 
passphrases-differ = The two passphrases are not the same; nothing was made.
passphrase-short = The passphrase has fewer than { $least } characters; nothing was made.
passphrase-short-next = Take four or more words that nobody would guess together.
passphrase-not-text = The passphrase is not UTF-8 text.
passphrase-no-terminal = The archive is locked, and there is no terminal to ask for its passphrase.
passphrase-no-terminal-next = Run it in a terminal, or name a file with --passphrase-file FILE (- for standard input).

## Help
help = Keep what your people write, sealed so that only you can read it.
help-after = Begin with `greffe init`, then `greffe import my-chat.zip`, then `greffe search budget`.
    Exit codes: 0 done · 1 failed · 2 command line · 3 not found · 4 locked · 5 does not verify · 6 in use · 7 imported with losses
help-arg-home = Folder of the archive [default: the nearest at or above this folder]
help-arg-json = Print JSON for programs
help-arg-quiet = Print results only, no remarks
help-arg-lang = Language: en or fr [default: the system's]
help-arg-passphrase-file = File that holds the passphrase (- for standard input)
help-init = Make a new archive in this folder
help-init-arg-name = What people call it [default: the folder's name]
help-init-arg-holders = Give the keys to K of N holders instead of one passphrase, for example 2/3
help-init-arg-shares = Folder for the holders' shares, one file each
help-init-arg-epochs = Length of a sealing period
help-init-arg-ahead = Periods to make keys for, ahead of time
help-init-arg-years = Years before the key of a period may be destroyed
help-init-arg-listen = Where `greffe up` will let the relay listen
help-up = Run all parts here until stopped: relay, witness, vault, agent
help-up-arg-listen = Where the relay listens [default: as at init]
help-import = Import chat exports: WhatsApp (.txt, .zip), Telegram Desktop (result.json or its folder)
help-import-examples = Examples:
      greffe import "WhatsApp Chat with Deal Team.zip" --me "Anna" --zone Europe/Zurich
      greffe import ~/Downloads/ChatExport_2026-11-01/result.json
    The same export twice adds nothing. Damaged places are named, recorded as losses, and the rest is imported.
help-import-arg-files = Exports to import
help-import-arg-account = Whose account the export was taken from: its number or id
help-import-arg-me = The name by which the export calls the account's owner
help-import-arg-custodian = Opaque id of the custodian [default: as in greffe.toml]
help-import-arg-zone = Time zone of the export's times, where the export names none [default: this system's]
help-import-arg-dates = Order of day and month [default: decided from the whole file]
help-import-arg-title = Title of the conversation, where the export names none
help-search = Find messages
help-search-examples = Words are all wanted; "a phrase"; bud* for a beginning; or, not, ( ).
      from:anna in:"deal team" network:whatsapp kind:edit before:2026-03-01 after:2025 has:image
help-search-arg-query = What to look for
help-search-arg-limit = How many to show
help-search-arg-after = Continue behind this cursor
help-search-arg-order = Which come first
help-search-arg-facets = Count by network, conversation, person, kind and month too
help-show = Show one message whole, with what was said around it
help-show-arg-message = The message's id as `search` shows it; its first digits are enough
help-show-arg-context = How many messages before and after
help-show-arg-save-attachments = Open its attachments into this folder
help-people = Who is who: bind accounts to people
help-people-list = List people and their accounts
help-people-add = Add a person
help-people-add-arg-id = An id of yours, for example a staff number
help-people-add-arg-name = Full name
help-people-bind = Bind an account to a person, for a time
help-people-bind-arg-id = The person's id
help-people-bind-arg-network = whatsapp, telegram, signal, wechat, matrix
help-people-bind-arg-account = The account as messages name it, for example tel:+41790000000
help-people-bind-arg-from = First day
help-people-bind-arg-to = Last day
help-people-import = Import people from a CSV file: id,name,network,account,from,to
help-people-import-arg-file = The file
help-gaps = Show where something is missing: silence, losses, what can not be read
help-verify = Verify the archive, or proof files, without trusting anybody
help-verify-arg-proofs = Proof files; none: the archive of this folder
help-verify-arg-archive = Fingerprint that it must be, 64 hex digits
help-prove = Write a proof file of one message, which anybody can check offline
help-prove-arg-message = The message's id
help-prove-arg-output = File to write [default: named after the message]
help-prove-arg-withhold = Parts that the proof keeps back
help-prove-arg-attachments = Put the attachments into the proof
help-keys = The archive's keys
help-keys-list = List sealing periods and their keys
help-keys-make-ahead = Make keys for coming periods
help-keys-make-ahead-arg-periods = How many periods from now
help-keys-destroy = Destroy the key of a period: what it sealed can never be read again
help-keys-destroy-arg-epoch = The period's epoch id, as `keys list` shows it
help-keys-destroy-arg-confirm = The same id again
help-unlock = Open the reading room until it is idle or locked
help-unlock-arg-idle = Lock after so many idle minutes
help-arg-share = A holder's share file; as many as are needed
help-lock = End the reading room, with every key in it
help-status = What runs, what is captured, what is filed
help-doctor = What is missing or wrong here, and the command that mends it
help-demo = Make a demonstration archive with sample conversations and walk through it
help-demo-arg-keep = Keep the archive and leave it running
help-demo-arg-clean = Remove what an earlier demo kept
help-demo-arg-folder = Folder for the demo [default: a new one]
help-relay = Run a relay
help-relay-arg-config = Its configuration file
help-witness = Run a witness
help-witness-arg-config = Its configuration file
help-completions = Print completions for a shell
help-completions-arg-shell = The shell
help-man = Write the man pages into a folder
help-man-arg-folder = The folder
help-arg-share = A holder's share file, instead of the passphrase; as many as are needed

## Command line
usage-no-command = there is no command "{ $command }"
usage-no-argument = there is no argument "{ $argument }" here
usage-missing = something is missing: { $argument }
usage-missing-command = a command is missing
usage-value = "{ $value }" does not fit { $argument } { $valid }
usage-conflict = { $argument } and { $other } do not go together

## Parts
part-failed = The { $part } can not do its work: { $why }.
part-failed-next = `greffe doctor` looks at what may be wrong here.
port-busy = Something else listens at { $address } already.
port-busy-next = Is `greffe up` running for this archive? Else name another address with --listen.
founding-failed = The archive could not be made: { $why }.
founding-refused = The relay refused the archive's first entries: { $why }.
genesis-wrong = { $path } is no genesis: { $why }.
keyring-wrong = { $path } is no keyring: { $why }.
keyring-foreign = { $path } is another archive's keyring.
root-key-wrong = { $path } is no wrapped root key: { $why }.
owner-entry-wrong = { $path } is no entry of this archive: { $why }.
seed-wrong = { $path } does not hold the 32 bytes of a key.
unlock-failed = The keyring does not open: { $why }.
unlock-failed-next = Is it the right passphrase, or are they enough shares of this archive?
share-wrong = { $path } holds no whole share: { $why }.

## init
init-done = Made the archive "{ $name }" in { $folder }.
    Fingerprint: { $fingerprint }
    Keys are made for { $periods ->
        [one] one period
       *[other] { $periods } periods
    } ahead (`greffe keys list`).
init-keys-passphrase = Its keys open with your passphrase alone, and nobody else has them. If you lose the passphrase,
    nobody can open this archive again: not us, not the relay, nobody. Write it down and keep it safe.
init-keys-shares = Its keys open with { $needed } of { $holders } shares, which lie in { $folder }.
    Give each holder one and delete them here. If more than { $forgives } are lost, nobody can open this archive again.
init-next = Next: `greffe import my-chat.zip`, then `greffe search budget`.
share-heading = Greffe: share { $index } of { $holders }. Any { $needed } of them together open the archive's keys. Keep it secret.

## keys
keys-heading = { $count } sealing periods, keyring generation { $generation }:
keys-line = { $epoch }  { $use }  { $from } to { $until }, kept at least until { $keep }
keys-line-destroyed = { $epoch }  { $use }  { $from } to { $until }, destroyed { $destroyed }
epoch-use-period = period
epoch-use-reserve = reserve
epoch-use-governance = governance
keys-made = { $count ->
    [0] All those periods have keys already.
    [one] Made one key; periods are covered until { $until }.
   *[other] Made { $count } keys; periods are covered until { $until }.
 }
epoch-unknown = There is no epoch { $epoch } in the keyring.
epoch-unknown-next = `greffe keys list` shows them.
epoch-kept = The key of this period must be kept until { $date }; nothing was destroyed.
epoch-confirm = This would end everything sealed in the period { $epoch } for good, in every copy and backup. Nothing was destroyed.
epoch-confirm-next = If that is what you want, say the id twice: greffe keys destroy { $epoch } --confirm { $epoch }
epoch-not-destroyed = The key could not be destroyed: { $why }.
epoch-destroyed = Destroyed the key of { $epoch }. What it sealed can not be read any more; the log still verifies.
    Older copies of the keyring file, with the passphrase or shares, would still open it: remove them.

## man
man-written = Wrote { $count } man pages into { $folder }.
