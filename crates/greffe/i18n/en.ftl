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
help-everywhere = Options of every command
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
help-init-arg-paper = The shares as words and QR codes, to be printed, instead of sealed files
help-init-arg-epochs = Length of a sealing period
help-init-arg-ahead = Periods to make keys for, ahead of time
help-init-arg-years = Years before the key of a period may be destroyed
help-init-arg-listen = Where `greffe up` will let the relay listen
help-up = Run all parts here until stopped: relay, witness, vault, agent
help-up-arg-listen = Where the relay listens [default: as at init]
help-up-arg-accept-new-log = Take the log of a new relay for this archive's, after the old relay was lost
help-up-arg-rebuild-relay = First make the relay's lost log again from what the vault has mirrored
help-import = Import exports: WhatsApp, Telegram Desktop, Element, Signal (sigtop, signal-export), messages as files (.eml, .mbox) and tables
help-import-examples = Examples:
      greffe import "WhatsApp Chat with Deal Team.zip" --me "Anna" --zone Europe/Zurich
      greffe import ~/Downloads/ChatExport_2026-11-01/result.json
      greffe import "matrix - Deal room.zip" --account mxid:@anna:bank.example
      greffe import sigtop-messages/ --account aci:9d0652a3-dcc3-4d11-975f-74d61598733f
      greffe import old-archive.zip --account email:anna@bank.example
      greffe import texts.csv --mapping texts.toml
    What is read: WhatsApp's .txt and .zip; Telegram's result.json; Element's export.json and .zip; folders of sigtop (JSON) and of signal-export; .eml, .mbox, and folders and zips of them, journal reports included; with a mapping, CSV and JSON lines.
    A mapping names the columns; only time is needed. What it does not name becomes a field:
      network = "sms"
    {"  [columns]"}
      time = "Sent"
      sender = "From"
      recipients = "To"
      conversation = "Thread"
      text = "Body"
      id = "MessageId"
    {"  [time]"}
      format = "%d.%m.%Y %H:%M:%S"   # or iso, unix, unix-ms
      zone = "Europe/Zurich"
    To be recognized as the same as what was captured live, give the account as it is captured. All settings and fields: docs/imports.md.
    The same export twice adds nothing. Damaged places are named, recorded as losses, and the rest is imported.
help-import-arg-files = Exports to import
help-import-arg-account = Whose account the export was taken from: its number or id
help-import-arg-me = The name by which the export calls the account's owner
help-import-arg-custodian = Opaque id of the custodian [default: as in greffe.toml]
help-import-arg-zone = Time zone of the export's times, where the export names none [default: this system's]
help-import-arg-dates = Order of day and month [default: decided from the whole file]
help-import-arg-title = Title of the conversation, where the export names none
help-import-arg-mapping = What the columns of a CSV file or of JSON lines mean
help-import-arg-conversation = The conversation's id on its network, where the export does not say it
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
help-people-agents = Whose agents they are: name and machine as they were typed, consent, newest plan
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
help-lock = End the reading room, with every key in it
help-status = What runs, what is captured, what is filed
help-doctor = What is missing or wrong here, and the command that mends it
help-demo = Make a demonstration archive with sample conversations and walk through it
help-demo-arg-keep = Keep the archive and leave it running
help-demo-arg-clean = Remove what an earlier demo kept
help-demo-arg-folder = Folder for the demo [default: a new one]
help-relay = Run a relay
help-relay-arg-config = Its configuration file
help-relay-arg-rebuild-from = First make a lost log again from the mirror of this vault's folder
help-witness = Run a witness
help-witness-arg-config = Its configuration file
help-completions = Print completions for a shell
help-completions-arg-shell = The shell
help-man = Write the man pages into a folder
help-man-arg-folder = The folder
help-arg-share = A holder's share file, instead of the passphrase; as many as are needed
help-arg-share-passphrase-file = File with the passphrase of a sealed share file; one for each, in their order (else they are asked)

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
relay-log-lost = The relay in { $folder } has no log, but the vault has mirrored one: the relay's log is lost.
relay-log-lost-next = `greffe up --rebuild-relay` makes it again from the vault's mirror; the agent delivers again what the vault does not have.
relay-not-rebuilt = The relay's log can not be made again: { $why }.
relay-not-rebuilt-next = `greffe verify --archive` says whether the vault's mirror is sound. docs/operations/lost-relay.md says what else can be done.
relay-rebuilt = The log was made again from the vault's mirror: { $size } entries, { $objects } objects; { $missing } objects are not there yet.
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
init-keys-shares = Its keys open with { $needed } of { $holders } shares, which lie in { $folder }, each in a file of its own.
    Give each holder one and delete them here. If more than { $forgives } are lost, nobody can open this archive again.
init-next = Next: `greffe import my-chat.zip`, then `greffe search budget`.
share-heading-alone = Greffe: share { $index }. Any { $needed } of its set together open the archive's keys. Keep it secret.
share-passphrases = Each file opens with its own passphrase, which is kept nowhere. Tell each holder theirs, apart from the file:
share-passphrase-of = { $path } is sealed.
share-passphrase-ask = Passphrase of the share: { "" }
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

## up, engine
up-running = Running for the archive in { $folder }: relay at { $relay }, witness, vault, agent. Ctrl-C stops it.
up-stopping = Stopping: what is under way is finished first.
up-gone = `greffe up` does not answer as it should. { $why }
up-gone-next = Look at its terminal or journal; stop it and start it again.
up-says = { $text }
relay-running = Relay at { $relay }, key of its certificate { $pin }. Ctrl-C stops it.
witness-running = Witness at { $url }, key { $key }. Ctrl-C stops it.
connector-failed = The connector ended early: { $why }.
connector-unknown = There is no connector { $name } in this program.

## import
import-zone-ask = Time zone of the export's times [{ $zone }]: 
import-zone-assumed = Times without a zone are taken as { $zone }; --zone says otherwise.
import-zone-unknown = There is no time zone { $zone }.
import-zone-unknown-next = Zones have names like Europe/Zurich or America/New_York.
import-delivering = delivering
import-done = { $name }: { $new ->
    [0] nothing new
    [one] one new record
   *[other] { $new } new records
 }{ $known ->
    [0] {""}
   *[other] , { $known } known already
 }.
import-loss = lost: { $why } { $place } { $detail }
import-losses = { $count ->
    [one] One place of the exports could not be read; it is recorded as a loss.
   *[other] { $count } places of the exports could not be read; they are recorded as losses.
 }
import-losses-next = Everything else was imported. With a better copy of the export, import again: only what is missing is added.
import-not-read = { $path } was not imported.
import-not-read-next = The line above says why.
import-failed = Importing { $path } ended early, after { $kept } records: { $why }.
import-failed-next = What was taken is safe; run the same command again for the rest.
import-archive-damaged = The zip is damaged: { $detail }
import-archive-too-large = The zip has too many files for one export.
import-dates-ambiguous = Nothing in the file tells day from month; they were taken as { $taken }. If that is wrong, import again with --dates.
import-folder = The connector's folder can not be used: { $detail }
import-id = The export has an id that is not one.
import-files-left = { $files ->
    [one] One file is no message and was left out.
   *[other] { $files } files are no messages and were left out.
 }
import-loss-refused = A loss could not be written down: { $detail }
import-mapping = The mapping can not be used: { $detail }
import-mapping-column = The mapping names the column { $column }, which line { $line } does not have. It has: { $columns }
import-mapping-too-long = The mapping { $path } has more than 60 KiB.
import-nothing-found = This is no chat export or archive that is known. A table (CSV, JSON lines) needs --mapping.
import-other-forms = { $lines } lines begin like messages of another form; they were kept as parts of the message before.
import-path-missing = The connector was not told which file to read.
import-setting = The setting { $name } does not fit.
import-title-missing = The conversation has no title; give one with --title.
import-unreadable = The export can not be read: { $detail }
import-zone-missing = The export names no time zone, and none was given: times are taken as UTC.

## status, gaps
status-archive = Archive "{ $name }", fingerprint { $fingerprint }
status-up = Running: `greffe up` answers.
status-not-up = Not running: commands start what they need. `greffe up` keeps everything running.
status-log = Log: { $size } entries, stored up to { $stored }, { $objects } sealed objects held, { $waiting } entries waiting in the spool.
status-witnessed = Witnessed: independent witnesses have cosigned the newest checkpoint.
status-unwitnessed = Unwitnessed: no independent witness has cosigned; owner and relay together could show two histories.
status-unlocked = Unlocked: the reading room is open. `greffe lock` ends it.
status-locked = Locked: nothing here can read the messages.
status-gaps = { $count ->
    [0] No gaps.
    [one] One gap: `greffe gaps` shows it.
   *[other] { $count } gaps: `greffe gaps` shows them.
 }
status-alarm = Alarm: { $what }
gaps-none = No gaps: nothing is known to be missing.
gaps-heading = { $count } places where something may be missing:
gaps-line = { $from } to { $to }  { $why } ({ $count }), signer { $signer }
gaps-still = now
gap-silent = an agent was silent
gap-account-silent = an account was silent
gap-unlinked = a device was unlinked
gap-expired = a session or consent ended
gap-stopped = capture was stopped
gap-losses = events were lost
gap-withdrawn = an entry was refused
gap-revoked = a signer was revoked
gap-flagged = entries of a compromised signer
gap-stale-head = the control chain's head is stale
gap-object-missing = the relay lacks an object
gap-object-damaged = an object is damaged
gap-object-awaited = an object has not arrived
gap-unwitnessed = the newest checkpoint is unwitnessed
gap-fork = the relay showed two logs
gap-relay-silent = the relay was silent
kind-message = message
kind-edit = edited
kind-delete = deleted
kind-reaction = reaction
kind-receipt = receipt
kind-call = call
kind-membership = members
kind-change = change
kind-poll = poll
kind-consent = consent
kind-loss = loss
kind-roster = roster
kind-activity = activity
kind-account = account
kind-unknown = other event
loss-undecryptable = could not be decrypted
loss-damaged = damaged
loss-offline = source was offline
loss-unlinked = device unlinked
loss-refused = refused
loss-expired = expired
loss-too-large = too large
loss-limit = over a limit
loss-unsupported = not supported
loss-other = other reason

## looks
room-gone = The reading room does not answer. { $why }
room-gone-next = `greffe lock`, then try again.
room-refused = The reading room did not open: { $why }.
room-query = The query is not understood at character { $at }: { $why }
room-query-next = `greffe search --help` has examples.
room-not-found = { $why }
room-audit = Nothing was shown, because the look could not be written into the audit trail: { $why }
room-audit-next = Is the disk full? `greffe doctor` looks.
room-damaged = { $why }
room-damaged-next = `greffe verify` names what is damaged; partitions are made again from log, objects and keys.
room-failed = { $why }
search-found = { $count ->
    [0] Nothing found.
    [one] One message.
   *[other] { $count } messages.
 }
search-nothing = Nothing matches { $query }.
search-nothing-next = Fewer words, a beginning (bud*), or `or` find more.
search-more = More: --after { $cursor }
facet-network = Networks
facet-conversation = Conversations
facet-sender = People
facet-kind = Kinds
facet-month = Months
show-heading = { $network } · { $title } · { $kind }
show-from = From { $who }
show-to = To { $who }
show-time = { $name }: { $at } UTC
time-sent = Sent
time-server = Accepted by the network
time-received = Received
time-captured = Captured
show-source = Source: { $source }, { $assurance }
assurance-device = decrypted by the account's own device
assurance-business = delivered by a business interface
assurance-export = read from an export that a person handed over
show-attachment = Attachment { $number }: { $name } ({ $kind }, { $size } bytes)
show-proof = Log index { $index }, position { $position }. { $witnessed } Proof: `greffe prove { $record }`
show-saved = Wrote { $path }
unlocked = Unlocked. The reading room locks itself after { $minutes } idle minutes; `greffe lock` ends it now.
unlocked-already = The reading room is open already.
locked = Locked. The reading room has ended, with every key in it.
locked-already = It was locked already.
people-none = Nobody is in the directory yet: `greffe people import people.csv` or `greffe people add`.
people-no-agents = The office has enrolled no agent.
people-agent = { $agent }  { $name }, on “{ $device }” (person { $person }), consent of { $consented } UTC, plan { $plan }
people-agent-unbound = { $agent }  the agent made with the archive, plan { $plan }
people-done = Done.
people-imported = Imported { $people } people and { $accounts } accounts.
people-not-text = { $path } is not UTF-8 text: { $why }.
date-wrong = { $date } is no date; dates look like 2026-11-24.

## proofs
prove-done = Wrote the proof of message { $record } to { $path } ({ $bytes } bytes). Anybody can check it: greffe verify { $path }
fingerprint-wrong = { $text } is no fingerprint: it has 64 hex digits.
verify-good = { $path }: the proof holds.
verify-archive-given = It is the archive { $archive }, as given.
verify-archive-not-given = It says that it is the archive { $archive }; no fingerprint was given to compare.
verify-logged = Log index { $index }, admitted { $at } UTC.
verify-compromised = Note: the signer was declared compromised from here on or before.
verify-control-gap = Note: the control chain in the file has gaps.
verify-part-shown = Shown: { $part }
verify-part-withheld = Withheld: { $part }
verify-text = Text: { $text }
verify-refused = { $path }: { $why } (check { $check }).
verify-working = verifying
verify-archive-good = The archive verifies: { $entries } entries, { $objects } objects, every byte.
verify-damage = { $file }{ $place }: { $check }: { $what }
verify-damage-byte = {" "}byte { $byte }
verify-damage-entry = {" "}(entry { $entry })
verify-damage-byte-entry = {" "}byte { $byte } (entry { $entry })
verify-archive-faults = The archive does not verify: { $count } damaged, { $missing } missing. { $places }
verify-archive-faults-next = Bring the named files back from a backup or another copy of the mirror; the relay has them until it is told otherwise.
verify-foreign = This is another archive: { $archive }.

## doctor
doctor-wrong = { $count } things need attention.
doctor-no-archive = There is no archive here: `greffe init` makes one.
doctor-archive = Archive "{ $name }", settings readable.
doctor-settings = The settings can not be used: { $why } Mend greffe.toml.
doctor-owner = The owner's folder is whole: genesis, keyring, root key, { $entries } entries.
doctor-owner-wrong = The owner's folder is not whole: { $why } Bring it back from a backup.
doctor-keys = Keys are made ahead until { $until }.
doctor-keys-short = Keys reach only until { $until }: `greffe keys make-ahead`.
doctor-keys-unread = The keyring can not be read.
doctor-disk = { $free } MiB are free on the disk.
doctor-disk-full = Only { $free } MiB are free on the disk: make room.
doctor-disk-unread = The disk does not say how much room is left.
doctor-secret = { $path } is there, and only you can read it.
doctor-secret-open = Others can read { $path }: chmod 600 it.
doctor-secret-missing = { $path } is missing: bring it back from a backup.
doctor-up = `greffe up` is running.
doctor-not-up = Nothing is running; commands start what they need.
doctor-held = Some process holds the archive without answering: end it, then `greffe up`.

## demo
demo-begin = A demonstration in { $folder }. It takes less than a minute; every line after $ is a command that you can run yourself.
demo-import = {""}
    Sample conversations of a trading desk, a ministry and a clinic, in seven languages:
demo-imported = { $file } ({ $language }): { $count } records sealed, logged and stored
demo-unlock = {""}
    Until now nothing here could read them. The reading room is opened with the passphrase:
demo-search = {""}
    Searching:
demo-beside = {""}
    What the relay holds, beside what the reading room opened:
demo-room-holds = The reading room: { $text }
demo-relay-holds = The relay: { $rows }
demo-relay-searched = All { $bytes } bytes of the relay searched for that text: { $hits ->
    [0] not there.
   *[other] found { $hits } times!
 }
demo-prove = {""}
    One message proved, and the proof checked in an empty folder, without any key:
demo-altered-proof = {""}
    One bit of byte { $place } of the proof altered:
demo-altered-archive = {""}
    One bit of byte { $place } of a sealed object in the vault altered:
demo-next = {""}
    Now with your own: greffe init, greffe import my-chat.zip, greffe search budget
demo-kept = {""}
    The archive stays in { $folder } (passphrase in the file "passphrase"). `greffe demo --clean` removes it.
demo-removed = Removed { $folder }.
demo-no-folder = { $folder } is not the folder of a demo; nothing was removed.
demo-failed = The demonstration stopped at "{ $what }": { $why }
demo-not-found = "{ $what }" should have found what was altered, and did not. That is a defect: please report it.

## Enrolment and agents
help-agent = The agent on a custodian's machine: enrol it, link networks, run it
help-agent-arg-folder = The agent's folder [default: greffe-agent in this user's data folder]
help-agent-enrol = Enrol this machine with the invitation that you were given
help-agent-enrol-arg-folder = The agent's folder [default: greffe-agent in this user's data folder]
help-agent-enrol-arg-invitation = The line of the invitation, or a file that holds it
help-agent-enrol-arg-consent = Your name, as your consent to what the invitation says (else it is asked)
help-agent-enrol-arg-device = What the owner shall call this machine [default: its host name]
help-agent-enrol-arg-wait = Wait until the enrolment is approved, at most so many seconds [default: one day]
help-agent-enrol-arg-follows = This agent was restored from a copy: new keys that name the old chain
agent-no-folder = There is no folder for the agent.
agent-no-folder-next = Name one with --folder DIR.
invitation-wrong = This is no invitation: { $why }.
invitation-wrong-next = Paste the whole line that begins with greffe-invite:, or scan the QR code of the letter.
help-agent-plan = Show the plan that says what this agent may and must capture
help-agent-plan-arg-folder = The agent's folder [default: greffe-agent in this user's data folder]
help-invite = Invite a custodian: a line to paste, a QR code, a letter
help-invite-arg-name = Who invites, as people call it [default: the archive's name]
help-invite-arg-person = Opaque id of the person that the invitation is for
help-invite-arg-auto-approve = Approve without a person whoever has this invitation
help-invite-arg-valid = How long it is valid: 7d, 12h; at most 31d
help-invite-arg-agents = How many machines it may enrol
help-invite-arg-relay = Where agents reach the relay, https://host:port [default: where `greffe up` listens]
help-invite-arg-letter = Write a letter in English and French with consent and QR code into this PDF
help-invite-arg-qr = Show the QR code in the terminal
help-enrolments = Requests that wait, and agents that are enrolled
help-enrolments-list = List requests that wait and agents that are enrolled
help-enrolments-approve = Approve a request
help-enrolments-approve-arg-request = The request, or how it begins
help-enrolments-refuse = Refuse a request
help-enrolments-refuse-arg-request = The request, or how it begins
help-revoke = End an agent's authority
help-revoke-arg-agent = The agent, or how its id begins
help-revoke-arg-retired-until = Retired: what it has captured is accepted until the beginning of this day
help-revoke-arg-compromised-from = Compromised: entries from this number on are refused, and those admitted are flagged
help-plan = What an agent may and must capture
help-plan-set = Send an agent a plan
help-plan-set-arg-agent = The agent, or how its id begins, or the person's id
help-plan-set-arg-file = The plan (TOML); docs/operations/plans.md explains it
help-plan-set-arg-second = File with the key of a further person who signs; private conversations need one
help-plan-propose = Write a plan into a sealed file, which others sign on their own machines
help-plan-propose-arg-agent = The agent, or how its id begins, or the person's id
help-plan-propose-arg-file = The plan (TOML); docs/operations/plans.md explains it
help-plan-propose-arg-out = Write the proposal to this file
help-plan-propose-arg-proposal-passphrase-file = File with a passphrase for the proposal (else it is asked)
help-plan-sign = Read a proposed plan and sign it; needs no archive on this machine
help-plan-sign-arg-proposal = The file of the proposal; your signature is added to it
help-plan-sign-arg-key = File with your key
help-plan-sign-arg-agree = You have read the plan and agree (else you are asked)
help-plan-sign-arg-proposal-passphrase-file = File with the passphrase of the proposal (else it is asked)
help-plan-submit = Send a proposed plan, with the signatures that it has, to its agent
help-plan-submit-arg-proposal = The file of the proposal
help-plan-submit-arg-proposal-passphrase-file = File with the passphrase of the proposal (else it is asked)
help-plan-show = Show the newest plan sent to an agent
help-plan-show-arg-agent = The agent, or how its id begins, or the person's id
help-plan-key = Make a key of your own to sign plans with, and show its public half
help-plan-key-arg-key = The file of the key; made if it is not there
help-plan-approver = Let these persons and the office make plans from now on, and nobody else
help-plan-approver-arg-keys = A person's public key, or the file of their key, which is made if it is not there
help-plan-approver-arg-threshold = So many signatures make a plan, the office's among them
validity-form = a time is written 7d or 12h, at most 31d
office-delegating = The enrolment office may not act yet: the archive's root lets it, once.
invite-made = Give this to the person, on a way that others do not read. It is valid until { $until } UTC.
invite-letter = The letter is in { $path }.
letter-failed = The letter could not be made: { $why }.
letter-heading = Your messages will be archived: please read this
letter-how = How to enrol
letter-command = On your computer run: greffe agent enrol, followed by the line below, or scan the code.
letter-fingerprint = Fingerprint of the archive: { $fingerprint }
consent-intro = { $inviter } asks you to enrol this machine in its archive of work messages. The invitation ends on { $until } UTC.
consent-what = What is captured: the messages of the accounts that you link afterwards, in both directions, from then on: text, pictures and files, reactions, edits and deletions, calls (that they took place, not what was said), who takes part in a conversation and when. Nothing is captured before you link an account, and nothing from other accounts or apps on this machine. A plan may leave conversations out; `greffe agent plan` shows it to you whole.
consent-who = Who can read it: the persons whom { $inviter } has appointed, and only together with others where it has decided so. Every look is written down before it is shown.
consent-who-not = Who can not: whoever runs the relay, the storage or the network between; whoever takes this machine's disk, for what was sealed; the makers of this program. Each message is sealed on this machine, before it is written, to keys that only the owner holds.
consent-rights = Your rights: you see at all times that capture runs (`greffe agent status`), there is no hidden mode. You may ask { $inviter } which of your messages it holds, to have them corrected or deleted as the law provides, why they are kept and for how long, and you may complain to the data protection authority. Your consent, this text and the time are themselves put into the archive. If you do not agree, do not enrol and ask { $inviter } what that means for your work.
consent-ask = If you agree, type your name and press Enter. To stop, press Enter alone.
consent-no-terminal = There is no terminal to ask you.
consent-no-terminal-next = Say your consent with --consent "Your Name" after reading the text above.
consent-not-given = You did not agree; nothing was made and nothing was sent.
invitation-ended = The invitation has ended.
invitation-ended-next = Ask for a new one.
invitation-used = The invitation has ended or has enrolled as many agents as it may.
invitation-used-next = Refuse the request and make a new invitation.
invitation-not-standing = The relay knows no such invitation: it has ended, was withdrawn, or is another relay's.
invitation-not-standing-next = Ask for a new one.
enrol-other-archive = The relay shows another archive than the invitation names. Nothing was enrolled.
enrol-other-archive-next = Tell whoever invited you: somebody may stand between.
enrol-nothing-to-follow = The relay knows no entry of this agent: there is no chain to follow.
enrol-nothing-to-follow-next = Enrol in a new folder, without --follows.
agent-enrolled-already = { $folder } holds an agent already.
agent-enrolled-already-next = See `greffe agent status`. If it was restored from a copy, enrol with --follows.
enrol-waiting = Waiting for approval. Check words of this machine, to be compared when you are asked: { $check }
enrol-left = The request is left; it waits for approval. Check words of this machine: { $check }
    Run the same command again, with --wait if you like, to see how it stands.
enrol-done = Enrolled. Your consent is in the archive. Check words of this machine: { $check }
    Next: link an account with `greffe agent link`, then `greffe agent run`.
enrol-refused = The request was refused.
enrol-refused-next = Ask whoever invited you.
enrolment-unknown = No request begins with { $request }, or more than one does.
enrolment-unknown-next = `greffe enrolments` lists them.
enrolment-refused = The request can not be approved: { $why }.
enrolment-approved = Approved: agent { $agent } is enrolled.
enrolment-refused-done = Refused.
enrolments-waiting = { $count ->
    [0] No request waits.
    [one] One request waits:
   *[other] { $count } requests wait:
 }
enrolments-line = { $request }  { $name }, on “{ $device }”
    asked { $received }, consent { $consented } UTC; check words { $check }
enrolments-follows =     restored from a copy: continues { $old }, which is ended with the approval
enrolments-agents = { $count ->
    [0] No agent is enrolled.
    [one] One agent is enrolled:
   *[other] { $count } agents are enrolled:
 }
enrolments-agent = { $agent }  person { $person }, plan { $plan }, { $standing }
agent-good = in good standing
agent-retired = retired; its backlog is accepted until { $until } UTC
agent-compromised = compromised from number { $number } on
agent-unknown = No agent begins with { $agent }, or more than one does.
agent-unknown-next = `greffe enrolments` lists them.
revoked-retired = Agent { $agent } is retired; what it has captured is accepted until { $until } UTC.
revoked-compromised = Agent { $agent } is refused from number { $number } on; entries admitted before this stay, flagged.
plan-wrong = The plan can not be sent: { $why }.
plan-no-mailbox = There is no mailbox key of agent { $agent } to seal a plan to: this office has not enrolled it.
plan-class = The archive has no key for retention class { $class }: the agent could not seal to it.
plan-class-next = Name a class that has keys; `greffe keys list` shows them.
plan-not-approver = Somebody has signed who may not make plans.
plan-not-approver-next = `greffe plan approver KEY…` says who may, all of them together.
plan-signatures = The plan has { $have } of { $needed } signatures.
plan-signatures-next = Propose it with `greffe plan propose`, let the others sign with `greffe plan sign`, then `greffe plan submit`.
plan-threshold = { $threshold } signatures can not come from { $keys } keys.
plan-proposal-stale = The proposal is out of date: the office has signed something else since, or a newer plan was sent.
plan-proposal-stale-next = Propose the plan again and let it be signed again.
proposal-wrong = The proposal can not be used: { $why }.
proposal-passphrase-choose = Choose a passphrase for the proposal, and tell it to those who sign: { "" }
proposal-passphrase-ask = Passphrase of the proposal: { "" }
plan-proposed = Plan { $number } is proposed in { $path }, with the office's signature. Those who sign need the file and its passphrase.
plan-to-sign = For the agent with the check words { $agent }, in archive { $archive }:
    { $plan }
plan-sign-ask = Type “yes” to sign exactly this:
plan-sign-word = yes
plan-sign-no-terminal = There is no terminal to agree on.
plan-sign-no-terminal-next = Read the plan, then add --agree.
plan-not-signed = Nothing was signed.
plan-signed = Signed. The proposal has { $count ->
    [one] one signature
   *[other] { $count } signatures
} now: send the file back to the office.
plan-key-made = Your key lies in { $path }; keep it to yourself. Its public half, for `greffe plan approver`: { $key }
plan-not-written = The archive holds no such plan: the office was interrupted when it sent it.
plan-not-written-next = Send the plan again.
plan-sent-private = It marks { $count ->
    [one] one place
   *[other] { $count } places
} private: a second person has signed, and the archive says so.
enrolments-private =     { $count ->
    [one] one rule makes
   *[other] { $count } rules make
} conversations private, signed by a second person
plan-second-person = A plan that marks conversations private needs a second person.
plan-second-person-next = Make their key with `greffe plan approver KEY`, and let them give it: --second KEY.
plan-sent = Plan { $number } is sent ({ $rules } rules). The agent says in the archive when it has taken it.
plan-approver-made = { $count ->
    [one] One person
   *[other] { $count } persons
} and the office make plans from now on; { $threshold ->
    [one] one signature is
   *[other] { $threshold } signatures are
} enough, two where conversations are private. Each key belongs to its person: keep it apart.
plan-not-asked = The relay could not be asked for a newer plan; this is the one in force here.
plan-none = No plan was sent: everything is captured.
plan-heading = Plan { $number }:
plan-rule = - { $what } where { $conditions }
plan-otherwise = - otherwise { $what }
plan-capture = captured
plan-exclude = left out (counted, not read)
plan-private = private (counted, not read)
plan-network = the network is { $value }
plan-account = the account is { $value }
plan-conversation = the conversation is { $value }
plan-person = { $value } takes part
plan-label = the title is { $value }
plan-from = it is from { $value } UTC on
plan-before = it is before { $value } UTC
plan-notice = Notice ({ $language }): { $text }
plan-notice-where = Notice ({ $language }) where { $conditions }: { $text }

# The agent at work
help-agent-run = Capture and deliver until it is stopped
help-agent-run-long = Captures the accounts of agent.toml in the agent's folder, seals what comes and delivers it, until SIGTERM or Ctrl-C. SIGHUP reads agent.toml again. What it says goes to standard error; `greffe agent status` shows how it stands.
help-agent-run-arg-folder = The agent's folder [default: greffe-agent in this user's data folder]
help-agent-run-arg-host = Run every agent that lies in a sub-folder of DIR, one for each custodian
help-agent-status = Show how the agent stands, also while it runs
help-agent-status-arg-folder = The agent's folder [default: greffe-agent in this user's data folder]
help-agent-status-arg-host = Show every agent that lies in a sub-folder of DIR
agent-running = { $count ->
    [one] The agent runs.
   *[other] { $count } agents run.
}
agent-runs-already = The agent in { $folder } runs already.
agent-runs-already-next = `greffe agent status` shows how it stands.
agent-not-enrolled = There is no agent in { $folder }.
agent-not-enrolled-next = Enrol it with `greffe agent enrol INVITATION`, or name another folder with --folder.
agent-status-folder = Agent in { $folder }
agent-status-never = It has never run.
agent-status-runs = Runs since { $since } UTC.
agent-status-not = Does not run; seen last { $at } UTC.
agent-status-relay = Relay { $relay }, heard { $heard }; { $waiting } entries wait for it, { $receipted } for the vault.
agent-status-account = { "  " }{ $network } { $account }: { $state } since { $since }; { $captured } captured, { $losses } losses
agent-status-missing = { "    " }something may be missing since { $from } UTC
notices-not-given = the plan wants notices to be given, and this connector gives none
agent-status-no-account = It has no accounts. `greffe agent link` adds one.
agent-status-alarm = Alarm: { $what } (account { $account }, since { $since } UTC)
agent-alarm-foreign-archive = the relay does not serve this archive
agent-alarm-not-enrolled = this agent is not enrolled
agent-alarm-revoked = this agent is revoked
agent-alarm-denied = the relay does not take this agent, and the archive's control chain gives no reason
agent-alarm-control-withheld = the relay hides acts of the archive's control chain
agent-alarm-stale-head = nobody has signed the archive's control chain for too long
agent-alarm-unconfirmed = the vault has not confirmed for too long that it holds what was delivered
agent-alarm-not-allowed = this agent may not log what it submits
agent-alarm-clone = this agent was restored from a copy and must be enrolled anew
agent-alarm-fork = the log is not the one that was seen before
agent-alarm-behind = the relay has lost entries of this agent
agent-alarm-relay-away = the relay can not be reached
agent-alarm-disk-full = the disk is full: capture waits
agent-alarm-no-epoch = there is no key to seal to yet: capture waits
agent-alarm-unlinked = the device is unlinked: link it again
agent-alarm-expired = the session or consent ended
agent-alarm-connector-ends = the connector ends again and again
agent-alarm-silent = nothing is captured
# What the vault notices
help-arg-log = How much to say on standard error: off, error, warn, info or debug
help-events = List what has happened to agents and accounts
help-events-long = Lists what the vault has noticed, oldest first, also while it is locked: enrolments, states of accounts, silence, losses. With --json one line an event, for a SIEM; --after continues behind the number of the last one read.
help-events-arg-since = From this time on: 2026-11-24, 2026-11-24T08:00Z, or back from now: 90m, 24h, 7d
help-events-arg-after = Behind the event with this number
help-events-arg-limit = At most so many
help-alarms = Tell people and machines what is noticed
help-alarms-test = Send a message of trial on every channel of [alarms] in greffe.toml
events-none = Nothing has happened.
since-wrong = "{ $text }" is no time.
since-wrong-next = Write a day (2026-11-24), a moment (2026-11-24T08:00:00Z), or a span back from now (90m, 24h, 7d).
event-line = { $at }  { $what } ({ $count }), agent { $signer }, account { $account }
event-enrolled = a key was enrolled
event-retired = retired
event-compromised = compromised
event-connected = connected
event-lagging = connected, behind
event-silent = silent
event-unlinked = unlinked
event-expired = expired
event-stopped = stopped
event-importing = importing
event-losses = losses counted
event-withdrawn = an entry was refused
event-agent-silent = the agent is silent
event-agent-heard = the agent was heard
event-relay-silent = the relay shows nothing new
event-relay-heard = the relay answers again
event-head-stale = the control chain's head is stale
event-head-fresh = the control chain's head is signed again
event-unwitnessed = the newest checkpoint is unwitnessed
event-witnessed = the newest checkpoint is witnessed
event-fork = the relay showed two logs
event-objects-missing = objects are missing or damaged
event-objects-found = all objects are held again
status-agent = Agent { $signer }: { $state }, last entry { $heard }
status-account = { "  " }account { $account }: { $state } since { $since }, told { $heard }, { $losses } losses
alarms-none = Nobody is told: greffe.toml has no [alarms].
alarms-none-next = See docs/operations/alarms.md.
alarms-sent = { $channel }: sent
alarm-not-sent = { $channel } did not take the alarm: { $why }
alarm-not-sent-next = Check [alarms.{ $channel }] in greffe.toml, then `greffe alarms test`.
alarm-subject-test = Greffe { $archive }: trial
alarm-subject-digest = Greffe { $archive }: { $count } events in 24 hours
alarm-subject-one = Greffe { $archive }: { $what }
alarm-subject-many = Greffe { $archive }: { $count } alarms
alarm-text-test = This is a trial: alarms reach you.
alarm-text-digest = Events of the last 24 hours: { $count }.
alarm-text = The vault has noticed:
alarm-text-end = Archive { $archive }. Times are UTC. `greffe status` and `greffe gaps` show more; names are shown only where the archive is unlocked.
doctor-confined = Connectors are kept to their own folders, and from other processes.
doctor-confined-files = Connectors are kept to their own folders; this kernel is too old to keep them from signalling other processes.
doctor-not-confined = This kernel has no Landlock: a connector can read what this user can, keys and spool too. Run agents on Linux 6.12 or later, or each under a user of its own.
doctor-wrapped = The agent's secrets are wrapped under a credential of this system.
doctor-readable = The agent's secrets, and what connectors keep, lie on the disk as this user's files: who takes the disk reads them, if it is not encrypted. A systemd credential wraps the secrets (packaging/systemd/greffe-agent.service).

## keyring stores, holders elsewhere, bytes
help-arg-ask-holders = The holders give their shares on their own machines: show a request, read their answers
help-show-arg-original = The network's original bytes of the message, and nothing else
help-show-arg-attachment = The bytes of its Nth attachment, and nothing else
help-show-arg-out = Write them to this file instead of standard output
help-keys-destroy-arg-finish = Finish destructions that are pending at some keyring store
help-keys-stores = Further places that hold the keyring: each change goes to all of them and is read back
help-keys-stores-add = Add a folder, on another disk or machine, as a keyring store
help-keys-stores-add-arg-name = What to call it: small letters, digits and -
help-keys-stores-add-arg-folder = The folder; it must be there
help-keys-stores-remove = Remove the keyring from a store, and forget the store
help-keys-stores-remove-arg-name = The store
help-keys-stores-remove-arg-gone = Its folder is lost or destroyed: forget it without removing anything
help-keys-stores-list = List the keyring stores
help-keys-stores-check = Read every store and say what is pending where
help-keys-holders = Who can unlock the keys
help-keys-holders-list = List the ways to unlock
help-keys-holders-replace = New shares for new holders and a new vault key: no former share or passphrase unlocks any more
help-keys-holders-replace-arg-holders = K of N holders, for example 2/3
help-keys-holders-replace-arg-shares = An empty folder for the new shares, one file each
help-keys-holders-replace-arg-paper = The shares as words and QR codes, to be printed, instead of sealed files
help-share = A holder's part in unlocking an archive that is elsewhere
help-share-paper = Show your share as words and QR code, to be kept on paper
help-share-give = Give your share to one unlock, sealed so that only it can read it
help-share-give-arg-request = The file with the request that begins with greffe-unlock:, or - for standard input
help-share-give-arg-fingerprint = The digits that the person who unlocks told you (else they are asked)
help-share-give-arg-out = Write the answer to this file
help-share-give-examples = Examples:
    greffe share give request.txt --share my-share.txt
    greffe share give - --share my-share.txt --fingerprint "1f0a 22c9 …"
out-of-what = --out wants --original or --attachment N.
bytes-written = Wrote { $count } bytes to { $path }
bytes-too-many = { $count } bytes are too many to show.
bytes-too-many-next = Add --out FILE to write them to a file.
bytes-no-text = { $count } bytes, which are not text.
bytes-no-text-next = Add --out FILE, or pipe them to a program that knows them.
show-members = Members then: { $who }
show-original = Original: { $kind }, { $size } bytes (`greffe show --original { $record }`)
show-carried = Carried to epoch { $epoch } at log index { $index }.
show-carried-from = Carried: read from log index { $index }, epoch { $epoch }; the key of its first epoch is destroyed.
store-added = Keyring store { $name } holds the keyring now: { $folder }
store-same-disk = It lies on the same disk as the archive: one failure can take both.
store-unusable = { $folder } can not be a keyring store: { $why }.
store-unusable-next = Make the folder, on a disk that is there and writable, and try again.
store-no-folder = it is no folder
store-name = That can not be the name of a store: { $why }.
store-twice = There is a store { $name } already, or one in that folder, or the folder is the archive's own.
store-line = { $name }  { $folder }
store-unknown = There is no keyring store { $name }.
store-unknown-next = `greffe keys stores list` lists them.
store-removed = Keyring store { $name } is forgotten; { $folder } holds no keyring of this archive any more.
store-given-up = Keyring store { $name } is forgotten. Whoever finds { $folder } has an old keyring: with shares or a passphrase of its time it still opens. Replace the holders if it is not destroyed.
store-not-removed = The keyring can not be removed from { $folder }: { $why }.
store-not-removed-next = Make the folder reachable; if it is lost or destroyed for good, add --gone.
stores-none = There are no keyring stores beside the owner's folder. `greffe keys stores add NAME DIR` makes one.
store-confirmed = ✓ { $name } holds generation { $generation }.
store-pending = ✗ pending at { $name }: { $why }.
destruction-pending = ✗ The destruction of { $epoch } is pending at { $name }: an old keyring may still be there.
destruction-finish = Reach that store, then: greffe keys destroy --finish (the next unlock does it too)
stores-pending = The keyring is pending at { $names }.
stores-pending-next = Make the store reachable, then run `greffe keys destroy --finish`; the next unlock does it too.
keyring-newer = Nothing was written: { $why }.
keyring-newer-next = This archive's own keyring was put back from a copy. Copy the newer keyring file over owner/keyring.cbor and try again.
keyring-not-written = The keyring was not written: { $why }.
holders-none = No holders of shares can unlock this archive.
holders-none-next = It opens with a passphrase: leave --ask-holders out.
holders-ask = { $needed } holders are needed. Send each of them this text, and tell each of them these digits by another way,
    for example on the telephone: { $fingerprint }
holders-paste = Paste each answer here (or name a file that holds it), then press Enter:
holders-have = { $have } of { $needed } shares.
holders-twice = Share { $index } was given already.
holders-too-few = { $have } of { $needed } holders have answered; nothing was unlocked.
answer-wrong = That is no answer to this request: { $why }.
answer-wrong-next = Each unlock has a request of its own: the holder must answer this one. Then paste the whole answer.
request-wrong = { $path } holds no request: { $why }.
request-wrong-next = It is one text that begins with greffe-unlock: and was sent by the person who unlocks.
share-one = Name your own share with --share FILE, once.
share-given = Send this back to the person who unlocks. Only that unlock can read it:
share-given-file = Wrote the answer to { $path }. Send it back to the person who unlocks.
fingerprint-ask = Archive { $archive } wants your share. Type the digits that the person who unlocks has told you:
fingerprint-needed = The digits of the request are not compared.
fingerprint-needed-next = Ask the person who unlocks for them, by another way than this text, and add --fingerprint "DIGITS".
fingerprint-differs = The digits are not those of this request. Your share was not given: somebody else may be asking.
fingerprint-differs-next = Call the person who unlocks and compare again.
holders-line-shares = { $needed } of { $holders } holders of shares
holders-line-token = a PKCS#11 token
holders-line-passphrase = a passphrase
holders-replaced = { $needed } of { $holders } new holders open the keys now; their shares lie in { $folder }. No former share or passphrase does.
    Give each holder one file and remove it here. A copy of an older keyring still opens with former shares: stores must confirm.
holders-not-replaced = The holders were not replaced: { $why }.
doctor-stores = { $count ->
    [one] One keyring store confirms the keyring.
   *[other] { $count } keyring stores confirm the keyring.
 }
doctor-stores-none = The keyring lies in the owner's folder alone; `greffe keys stores add NAME DIR` adds a second place.
doctor-stores-pending = The keyring is pending at { $names }, and with it { $destroyed } destructions: `greffe keys destroy --finish`.
doctor-stores-unread = The keyring stores can not be checked: { $why }

## signal
agent-link-network = Greffe can not link a device of { $network }; it can of: { $known }.
agent-link-network-next = Other ways into a network are described in docs/networks.md.
agent-link-setting = { $setting } is not a setting.
agent-link-setting-next = Write --set NAME=VALUE.
agent-link-failed = No device was linked.
agent-link-failed-next = The line above says why; the same command tries again.
agent-link-signal-before = Greffe becomes a linked device of your Signal account, as Signal Desktop would. From then on it sees what you send and receive there, on any of your devices, and keeps it sealed for the archive's owner; those you write with are told where the plan says so. Your telephone shows it under Settings > Linked devices, where you can remove it at any time: the archive then shows that nothing more comes.
agent-link-scan = On your telephone open Signal, then Settings > Linked devices > Link a new device, and scan the code above. A code works for about a minute; a new one follows. Its text, if you need it: { $address }
agent-link-done = Linked: { $account }.
agent-link-captured = The agent that runs captures it from now on; `greffe agent status` shows how it stands.
agent-link-start = It is captured when the agent runs: `greffe agent run`.
help-agent-link = Link an account of a network to this agent
help-agent-link-long = Shows a code to scan with your telephone, waits until you have, and adds the account to agent.toml. For WhatsApp and Telegram it says what to enter there, and looks whether the network opens. For Signal, signal-cli 0.14.5 or later and Java 25 must be on the PATH, or be named with --set signal-cli=PATH and --set java-home=DIR.
help-agent-link-arg-folder = The agent's folder [default: greffe-agent in this user's data folder]
help-agent-link-arg-network = The network: signal, whatsapp (Business Cloud API), telegram (business bot)
help-agent-link-arg-custodian = Opaque id of the person whose account it is
help-agent-link-arg-set = A setting of the connector; docs/networks.md lists them for each network
help-agent-link-arg-read = What the connector may read beside its own folder and the system's programs
signal-cli-missing = { $program } is not there: Greffe needs signal-cli to reach Signal. Install it from github.com/AsamK/signal-cli, or name it with the setting signal-cli.
signal-cli-start = { $program } can not be started: { $detail }
signal-cli-ended = signal-cli ended and is started again: { $detail }
signal-cli-slow = signal-cli did not begin to serve; it is started again.
signal-cli-version = signal-cli says that it is version { $version }, which is none that Greffe knows.
signal-cli-old = signal-cli { $version } is too old for Signal's service: messages can be missing. Install 0.14.5 or later.
signal-cli-ages = signal-cli { $version } is { $days } days old. Signal stops serving releases after about 90 days: install the current one now.
signal-cli-expired = Signal's service does not serve this signal-cli any more. Install the current release.
signal-java-missing = signal-cli needs Java, and there is none. Install a Java runtime (version 25), or name its folder with the setting java-home.
signal-java-old = The Java runtime is too old for this signal-cli. Install version 25, or name its folder with the setting java-home.
signal-in-use = Another program uses this account's folder.
signal-unlinked = The device is not linked, or was removed on the telephone. Link it again with `greffe agent link signal`.
signal-link-unused = No code was scanned.
signal-link-failed = Signal did not link the device: { $detail }
signal-journal = The connector's journal can not be used: { $detail }
signal-journal-damaged = Entries of the connector's journal can not be read: a loss is recorded.
signal-disk = The disk takes nothing; signal-cli waits: { $detail }
signal-setting = The setting { $name } does not fit.
signal-no-fetch = Signal keeps nothing that could be fetched again.
signal-send-failed = The message was not sent: { $detail }
signal-notice-failed = A notice could not be given, and will be tried again: { $detail }
signal-notice-again = A notice may be given a second time: whether the first was sent is not known after a crash. Its record says so.
signal-unmodelled = Signal's events have something new, kept as it is: { $path }

# Business interfaces of networks
agent-link-ask-app-secret = App secret (Meta, App settings > Basic):{" "}
agent-link-ask-access-token = Access token of a system user (whatsapp_business_management, whatsapp_business_messaging):{" "}
agent-link-ask-bot-token = The bot's token, from BotFather:{" "}
agent-link-secret = The secret { $secret } is missing.
agent-link-secret-next = Write --secret { $secret }=FILE, or run the command at a terminal, which asks for it.
agent-link-secret-unknown = { $secret } is no secret of this connector; there are: { $known }
agent-link-secret-unknown-next = Secrets are given as --secret NAME=FILE; - is standard input.
agent-link-whatsapp-before = Greffe receives what Meta's WhatsApp Business Platform posts for a number of your business: messages and their statuses, and, where the number is also used on a telephone, what is sent there. It does not see groups of the app, view-once media, or anything before the number was connected but the history that Meta hands over. Your business must tell those who write to it; Meta's terms for the platform apply. Needed: the app's secret, an access token of a system user, and the number's id (--set phone-number-id=…) or the business account's (--set business-account-id=…, all its numbers).
agent-link-whatsapp-enter = Now enter this at Meta (developers.facebook.com, your app, WhatsApp > Configuration > Webhook > Edit), while the agent runs:
    Callback URL: { $url }
    Verify token: { $token }
    Then subscribe to the fields messages, smb_message_echoes, history, smb_app_state_sync, calls, account_update.
    The address must lead here from the internet with a valid certificate: by a proxy to the setting listen (127.0.0.1:8480 where nothing is said), or with --set tls-cert=FILE --set tls-key=FILE.
agent-link-whatsapp-address = The dots stand for your server's name: --set public-url=https://… has the whole address shown here.
agent-link-telegram-before = Greffe reads along as a business bot: the private chats of a Telegram account that its owner opens to the bot, new messages, edits and deletions. It does not see groups, channels, secret chats, reactions, or anything from before. Telegram shows the bot in the account's settings, where it can be removed at any time. Make the bot with BotFather (/newbot, then Bot Settings > Business Mode); one bot serves one account.
agent-link-telegram-connect = On the account's telephone, open Telegram, then Settings > Telegram Business > Chatbots, enter { $bot }, choose the chats, and save. Greffe waits about ten minutes.
whatsapp-setting = The setting { $name } is missing or does not fit.
whatsapp-start = The connector can not start: { $detail }
whatsapp-listen = Greffe can not listen for WhatsApp: { $detail }. Give the certificate (tls-cert, tls-key), or listen on the loopback behind a proxy.
whatsapp-inbox = The connector's inbox can not be used: { $detail }
whatsapp-inbox-damaged = A delivery in the connector's inbox can not be read: a loss is recorded.
whatsapp-disk = The disk takes nothing; Meta is told to send it again: { $detail }
whatsapp-token = Meta refuses the access token: media are not fetched until there is another. { $detail }
whatsapp-away = Meta's interface does not answer: { $detail }
whatsapp-rival = Something else receives this account's events: { $detail }
whatsapp-stranger = Meta posts events of the number { $detail }, which is not captured here: they are not kept. Link it, and name its listener with the setting pass.{ $detail }.
whatsapp-not-passed = The listener { $detail } of another number did not take its events; Meta is told to send them again.
whatsapp-unreadable = Meta posted something that can not be read: { $detail }
whatsapp-unlinked = Meta says that the account is gone: { $detail }. Nothing more is captured until it is back.
whatsapp-file-missing = A file could not be had: { $detail }
whatsapp-unmodelled = WhatsApp's events have something new, kept as it is: { $detail }
whatsapp-no-sending = This connector does not send.
whatsapp-no-fetch = WhatsApp keeps nothing that could be fetched again.
telegram-setting = The setting { $name } is missing or does not fit.
telegram-start = The connector can not start: { $detail }
telegram-listen = Greffe can not listen for Telegram: { $detail }. Give the certificate (tls-cert, tls-key), or listen on the loopback behind a proxy.
telegram-inbox = The connector's inbox can not be used: { $detail }
telegram-inbox-damaged = An update in the connector's inbox can not be read: a loss is recorded.
telegram-disk = The disk takes nothing; the updates stay with Telegram for a day: { $detail }
telegram-token = Telegram refuses the bot's token: { $detail }
telegram-away = Telegram does not answer: { $detail }
telegram-rival = Something else asks for this bot's updates, and only one may: { $detail }
telegram-stranger = Somebody else ({ $detail }) has connected the bot to his account: his chats are not kept.
telegram-not-passed = Another listener did not take its updates: { $detail }
telegram-unreadable = Telegram sent something that can not be read: { $detail }
telegram-unlinked = The bot was disconnected from the account: nothing more is captured until it is connected again.
telegram-file-missing = A file could not be had: { $detail }
telegram-unmodelled = Telegram's updates have something new, kept as it is: { $detail }
telegram-no-sending = This connector does not send.
telegram-no-fetch = Telegram's Bot API keeps nothing that could be fetched again.
telegram-no-business = The bot { $bot } can not be connected to a business account. Switch Business Mode on with BotFather (Bot Settings).
telegram-link-unused = Nobody connected { $bot }.
help-agent-link-arg-secret = A secret of the connector, in a file, or - for standard input; asked for at a terminal otherwise: app-secret, access-token, verify-token (WhatsApp), bot-token, webhook-secret (Telegram)
