### Français. Une clé par ligne ; `-next` dit que faire après un échec. L'anglais a les mêmes clés.

## Échecs
failure = greffe : { $text }
no-archive = Aucune archive dans { $folder } ni au-dessus.
no-archive-next = Créez-en une ici avec `greffe init`, ou nommez son dossier avec --home DOSSIER.
no-archive-there = Aucune archive dans { $folder }.
no-archive-there-next = Créez-la avec `greffe init --home DOSSIER`.
no-current-folder = Ce dossier ne peut pas être lu : { $why }.
archive-exists = Une archive existe déjà dans { $folder } ; rien n'a été changé.
archive-exists-next = Utilisez-la telle quelle (`greffe status`), ou nommez un autre dossier avec --home DOSSIER.
folder-not-empty = { $folder } n'est pas vide ; une archive se crée dans un dossier à elle.
folder-not-empty-next = Nommez un nouveau dossier avec --home DOSSIER.
can-not-read = { $path } ne peut pas être lu : { $why }.
can-not-write = { $path } ne peut pas être écrit : { $why }.
can-not-write-next = Reste-t-il de la place sur le disque, et cet utilisateur peut-il y écrire ?
settings-wrong = { $path } n'est pas comme attendu : { $why }.
settings-wrong-next = Corrigez la ligne nommée ci-dessus ; `greffe doctor` examine tout le dossier.
archive-in-use = Une autre commande greffe travaille dans { $folder }.
archive-in-use-next = Attendez qu'elle se termine. Avec `greffe up` en marche, les commandes travaillent côte à côte.
usage-wrong = { $why }
usage-wrong-next = `greffe --help` donne la liste des commandes, `greffe COMMANDE --help` en explique une.
holders-form = les détenteurs s'écrivent K/N avec 2 ≤ K ≤ N ≤ 16, par exemple 2/3

## Phrases secrètes
passphrase-ask = Phrase secrète de l'archive : 
passphrase-choose = Choisissez une phrase secrète pour l'archive : 
passphrase-again = La même encore une fois : 
passphrases-differ = Les deux phrases ne sont pas les mêmes ; rien n'a été créé.
passphrase-short = La phrase secrète a moins de { $least } caractères ; rien n'a été créé.
passphrase-short-next = Prenez quatre mots ou plus que personne ne devinerait ensemble.
passphrase-not-text = La phrase secrète n'est pas du texte UTF-8.
passphrase-no-terminal = L'archive est verrouillée, et il n'y a pas de terminal pour demander sa phrase secrète.
passphrase-no-terminal-next = Lancez la commande dans un terminal, ou nommez un fichier avec --passphrase-file FICHIER (- pour l'entrée standard).

## Aide
help = Gardez ce que vos équipes écrivent, scellé pour que vous seul puissiez le lire.
help-everywhere = Options de toutes les commandes
help-after = Commencez par `greffe init`, puis `greffe import mon-chat.zip`, puis `greffe search budget`.
    Codes de fin : 0 fait · 1 échec · 2 ligne de commande · 3 introuvable · 4 verrouillé · 5 ne se vérifie pas · 6 occupé · 7 importé avec pertes
help-arg-home = Dossier de l'archive [défaut : la plus proche, ici ou au-dessus]
help-arg-json = Écrire du JSON pour les programmes
help-arg-quiet = Les résultats seulement, sans remarques
help-arg-lang = Langue : en ou fr [défaut : celle du système]
help-arg-passphrase-file = Fichier qui contient la phrase secrète (- pour l'entrée standard)
help-init = Créer une nouvelle archive dans ce dossier
help-init-arg-name = Comment on l'appelle [défaut : le nom du dossier]
help-init-arg-holders = Confier les clés à K de N détenteurs au lieu d'une phrase secrète, par exemple 2/3
help-init-arg-shares = Dossier pour les parts des détenteurs, un fichier chacune
help-init-arg-paper = Les parts en mots et codes QR, à imprimer, au lieu de fichiers scellés
help-init-arg-epochs = Durée d'une période de scellement
help-init-arg-ahead = Périodes dont les clés sont créées d'avance
help-init-arg-years = Années avant que la clé d'une période puisse être détruite
help-init-arg-listen = Où `greffe up` fera écouter le relais
help-up = Faire tourner ici toutes les parties jusqu'à l'arrêt : relais, témoin, coffre, agent
help-up-arg-listen = Où le relais écoute [défaut : comme à la création]
help-up-arg-rebuild-relay = D'abord refaire le journal perdu du relais à partir de la copie du coffre
help-up-arg-accept-new-log = Prendre le journal d'un nouveau relais pour celui de cette archive, après la perte de l'ancien
help-import = Importer des exports : WhatsApp, Telegram Desktop, Element, Signal (sigtop, signal-export), messages en fichiers (.eml, .mbox) et tableaux
help-import-examples = Exemples :
      greffe import "Discussion WhatsApp avec Cabinet.zip" --me "Claire" --zone Europe/Paris
      greffe import ~/Downloads/ChatExport_2026-11-01/result.json
      greffe import "matrix - Dossier.zip" --account mxid:@claire:cabinet.example
      greffe import messages-sigtop/ --account aci:9d0652a3-dcc3-4d11-975f-74d61598733f
      greffe import ancienne-archive.zip --account email:claire@cabinet.example
      greffe import sms.csv --mapping sms.toml
    Sont lus : .txt et .zip de WhatsApp ; result.json de Telegram ; export.json et .zip d'Element ; dossiers de sigtop (JSON) et de signal-export ; .eml, .mbox, dossiers et zips de ceux-ci, rapports de journal compris ; avec une correspondance, CSV et lignes JSON.
    Une correspondance nomme les colonnes ; seule l'heure est nécessaire. Ce qu'elle ne nomme pas devient un champ :
      network = "sms"
    {"  [columns]"}
      time = "Sent"
      sender = "From"
      recipients = "To"
      conversation = "Thread"
      text = "Body"
      id = "MessageId"
    {"  [time]"}
      format = "%d.%m.%Y %H:%M:%S"   # ou iso, unix, unix-ms
      zone = "Europe/Paris"
    Pour reconnaître ce qui a été capté en direct, donnez le compte tel qu'il est capté. Tous les réglages et champs : docs/imports.md.
    Le même export deux fois n'ajoute rien. Les endroits abîmés sont nommés, notés comme pertes, et le reste est importé.
help-import-arg-files = Exports à importer
help-import-arg-account = Le compte dont l'export provient : son numéro ou son identifiant
help-import-arg-me = Le nom que l'export donne au titulaire du compte
help-import-arg-custodian = Identifiant opaque de la personne [défaut : comme dans greffe.toml]
help-import-arg-zone = Fuseau horaire de l'export, s'il n'en nomme aucun [défaut : celui de ce système]
help-import-arg-dates = Ordre du jour et du mois [défaut : décidé d'après tout le fichier]
help-import-arg-title = Titre de la conversation, si l'export n'en nomme aucun
help-import-arg-mapping = Ce que veulent dire les colonnes d'un fichier CSV ou de lignes JSON
help-import-arg-conversation = L'identifiant de la conversation sur son réseau, si l'export ne le dit pas
help-search = Trouver des messages
help-search-examples = Tous les mots sont voulus ; "une locution" ; bud* pour un début ; or, not, ( ).
      from:anna in:"deal team" network:whatsapp kind:edit before:2026-03-01 after:2025 has:image
help-search-arg-query = Ce qu'on cherche
help-search-arg-limit = Combien en montrer
help-search-arg-after = Continuer après ce curseur
help-search-arg-order = Lesquels d'abord
help-search-arg-facets = Compter aussi par réseau, conversation, personne, genre et mois
help-show = Montrer un message en entier, avec ce qui s'est dit autour
help-show-arg-message = L'identifiant du message donné par `search` ; ses premiers chiffres suffisent
help-show-arg-context = Combien de messages avant et après
help-show-arg-save-attachments = Ouvrir ses pièces jointes dans ce dossier
help-people = Qui est qui : attacher les comptes aux personnes
help-people-list = Lister les personnes et leurs comptes
help-people-add = Ajouter une personne
help-people-add-arg-id = Un identifiant à vous, par exemple un matricule
help-people-add-arg-name = Nom complet
help-people-bind = Attacher un compte à une personne, pour un temps
help-people-bind-arg-id = L'identifiant de la personne
help-people-bind-arg-network = whatsapp, telegram, signal, wechat, matrix
help-people-bind-arg-account = Le compte tel que les messages le nomment, par exemple tel:+41790000000
help-people-bind-arg-from = Premier jour
help-people-bind-arg-to = Dernier jour
help-people-import = Importer des personnes d'un fichier CSV : id,name,network,account,from,to
help-people-import-arg-file = Le fichier
help-people-agents = À qui sont les agents : nom et appareil tels qu'ils ont été indiqués, accord, dernier plan
help-gaps = Montrer où il manque quelque chose : silences, pertes, ce qui ne peut être lu
help-verify = Vérifier l'archive, ou des fichiers de preuve, sans faire confiance à personne
help-verify-arg-proofs = Fichiers de preuve ; aucun : l'archive de ce dossier
help-verify-arg-archive = Empreinte qu'elle doit avoir, 64 chiffres hexadécimaux
help-prove = Écrire le fichier de preuve d'un message, que chacun peut vérifier hors ligne
help-prove-arg-message = L'identifiant du message
help-prove-arg-output = Fichier à écrire [défaut : d'après le message]
help-prove-arg-withhold = Parties que la preuve garde pour elle
help-prove-arg-attachments = Mettre les pièces jointes dans la preuve
help-keys = Les clés de l'archive
help-keys-list = Lister les périodes de scellement et leurs clés
help-keys-make-ahead = Créer les clés des périodes à venir
help-keys-make-ahead-arg-periods = Combien de périodes à partir de maintenant
help-keys-destroy = Détruire la clé d'une période : ce qu'elle a scellé ne pourra plus jamais être lu
help-keys-destroy-arg-epoch = L'identifiant de la période, donné par `keys list`
help-keys-destroy-arg-confirm = Le même identifiant encore une fois
help-unlock = Ouvrir la salle de lecture jusqu'à l'inactivité ou au verrouillage
help-unlock-arg-idle = Verrouiller après tant de minutes d'inactivité
help-lock = Fermer la salle de lecture, avec toutes les clés qu'elle tient
help-status = Ce qui tourne, ce qui est capturé, ce qui est classé
help-doctor = Ce qui manque ou ne va pas ici, et la commande qui y remédie
help-demo = Créer une archive de démonstration avec des conversations d'exemple et la parcourir
help-demo-arg-keep = Garder l'archive et la laisser tourner
help-demo-arg-clean = Enlever ce qu'une démonstration précédente a gardé
help-demo-arg-folder = Dossier de la démonstration [défaut : un nouveau]
help-relay = Faire tourner un relais
help-relay-arg-config = Son fichier de configuration
help-relay-arg-rebuild-from = D'abord refaire un journal perdu à partir de la copie du coffre de ce dossier
help-witness = Faire tourner un témoin
help-witness-arg-config = Son fichier de configuration
help-completions = Écrire la complétion pour un interpréteur de commandes
help-completions-arg-shell = L'interpréteur
help-man = Écrire les pages de manuel dans un dossier
help-man-arg-folder = Le dossier
help-arg-share = Le fichier de part d'un détenteur, au lieu de la phrase secrète ; autant qu'il en faut
help-arg-share-passphrase-file = Fichier de la phrase secrète d'une part scellée ; un par part, dans leur ordre (sinon elles sont demandées)

## Ligne de commande
usage-no-command = il n'y a pas de commande « { $command } »
usage-no-argument = il n'y a pas d'argument « { $argument } » ici
usage-missing = il manque quelque chose : { $argument }
usage-missing-command = il manque une commande
usage-value = « { $value } » ne convient pas à { $argument } { $valid }
usage-conflict = { $argument } et { $other } ne vont pas ensemble

## Parties
part-failed = La partie « { $part } » ne peut pas faire son travail : { $why }.
part-failed-next = `greffe doctor` regarde ce qui pourrait ne pas aller ici.
port-busy = Quelque chose d'autre écoute déjà à { $address }.
port-busy-next = `greffe up` tourne-t-il pour cette archive ? Sinon, nommez une autre adresse avec --listen.
founding-failed = L'archive n'a pas pu être créée : { $why }.
relay-log-lost = Le relais dans { $folder } n'a pas de journal, mais le coffre en a copié un : le journal du relais est perdu.
relay-log-lost-next = `greffe up --rebuild-relay` le refait à partir de la copie du coffre ; l'agent remet ce que le coffre n'a pas.
relay-not-rebuilt = Le journal du relais ne peut pas être refait : { $why }.
relay-not-rebuilt-next = `greffe verify --archive` dit si la copie du coffre est intacte. docs/operations/lost-relay.md dit ce qu'on peut faire d'autre.
relay-rebuilt = Le journal a été refait à partir de la copie du coffre : { $size } entrées, { $objects } objets ; { $missing } objets ne sont pas encore là.
founding-refused = Le relais a refusé les premières entrées de l'archive : { $why }.
genesis-wrong = { $path } n'est pas une genèse : { $why }.
keyring-wrong = { $path } n'est pas un trousseau : { $why }.
keyring-foreign = { $path } est le trousseau d'une autre archive.
root-key-wrong = { $path } n'est pas une clé racine emballée : { $why }.
owner-entry-wrong = { $path } n'est pas une entrée de cette archive : { $why }.
seed-wrong = { $path } ne contient pas les 32 octets d'une clé.
unlock-failed = Le trousseau ne s'ouvre pas : { $why }.
unlock-failed-next = Est-ce la bonne phrase secrète, ou y a-t-il assez de parts de cette archive ?
share-wrong = { $path } ne contient pas de part entière : { $why }.

## init
init-done = L'archive « { $name } » est créée dans { $folder }.
    Empreinte : { $fingerprint }
    Des clés existent d'avance pour { $periods ->
        [one] une période
       *[other] { $periods } périodes
    } (`greffe keys list`).
init-keys-passphrase = Ses clés s'ouvrent avec votre seule phrase secrète, et personne d'autre ne les a. Si vous la perdez,
    plus personne ne pourra ouvrir cette archive : ni nous, ni le relais, personne. Notez-la et gardez-la en lieu sûr.
init-keys-shares = Ses clés s'ouvrent avec { $needed } parts sur { $holders }, qui se trouvent dans { $folder }, chacune dans son fichier.
    Donnez-en une à chaque détenteur et effacez-les ici. Si plus de { $forgives } sont perdues, plus personne ne pourra ouvrir cette archive.
init-next = Ensuite : `greffe import mon-chat.zip`, puis `greffe search budget`.
share-heading-alone = Greffe : part { $index }. { $needed } parts de son jeu ensemble ouvrent les clés de l'archive. Gardez-la secrète.
share-passphrases = Chaque fichier s'ouvre avec sa propre phrase secrète, qui n'est gardée nulle part. Dites la sienne à chaque détenteur, séparément du fichier :
share-passphrase-of = { $path } est scellé.
share-passphrase-ask = Phrase secrète de la part : { "" }
share-heading = Greffe : part { $index } sur { $holders }. { $needed } d'entre elles ensemble ouvrent les clés de l'archive. Gardez-la secrète.

## keys
keys-heading = { $count } périodes de scellement, trousseau de génération { $generation } :
keys-line = { $epoch }  { $use }  { $from } à { $until }, gardée au moins jusqu'au { $keep }
keys-line-destroyed = { $epoch }  { $use }  { $from } à { $until }, détruite le { $destroyed }
epoch-use-period = période
epoch-use-reserve = réserve
epoch-use-governance = gouvernance
keys-made = { $count ->
    [0] Toutes ces périodes ont déjà des clés.
    [one] Une clé créée ; les périodes sont couvertes jusqu'au { $until }.
   *[other] { $count } clés créées ; les périodes sont couvertes jusqu'au { $until }.
 }
epoch-unknown = Il n'y a pas de période { $epoch } dans le trousseau.
epoch-unknown-next = `greffe keys list` les montre.
epoch-kept = La clé de cette période doit être gardée jusqu'au { $date } ; rien n'a été détruit.
epoch-confirm = Cela mettrait fin pour toujours à tout ce qui a été scellé dans la période { $epoch }, dans chaque copie et sauvegarde. Rien n'a été détruit.
epoch-confirm-next = Si c'est ce que vous voulez, dites l'identifiant deux fois : greffe keys destroy { $epoch } --confirm { $epoch }
epoch-not-destroyed = La clé n'a pas pu être détruite : { $why }.
epoch-destroyed = La clé de { $epoch } est détruite. Ce qu'elle a scellé ne peut plus être lu ; le journal se vérifie toujours.
    D'anciennes copies du fichier du trousseau, avec la phrase secrète ou les parts, l'ouvriraient encore : enlevez-les.

## man
man-written = { $count } pages de manuel écrites dans { $folder }.

## up, parties
up-running = En marche pour l'archive dans { $folder } : relais à { $relay }, témoin, coffre, agent. Ctrl-C l'arrête.
up-stopping = Arrêt : ce qui est en cours est d'abord terminé.
up-gone = `greffe up` ne répond pas comme il devrait. { $why }
up-gone-next = Regardez son terminal ou son journal ; arrêtez-le et relancez-le.
up-says = { $text }
relay-running = Relais à { $relay }, clé de son certificat { $pin }. Ctrl-C l'arrête.
witness-running = Témoin à { $url }, clé { $key }. Ctrl-C l'arrête.
connector-failed = Le connecteur s'est terminé trop tôt : { $why }.
connector-unknown = Il n'y a pas de connecteur { $name } dans ce programme.

## import
import-zone-ask = Fuseau horaire de l'export [{ $zone }] : 
import-zone-assumed = Les heures sans fuseau sont lues comme { $zone } ; --zone dit autre chose.
import-zone-unknown = Il n'y a pas de fuseau horaire { $zone }.
import-zone-unknown-next = Les fuseaux ont des noms comme Europe/Zurich ou America/New_York.
import-delivering = livraison
import-done = { $name } : { $new ->
    [0] rien de nouveau
    [one] un nouvel enregistrement
   *[other] { $new } nouveaux enregistrements
 }{ $known ->
    [0] {""}
   *[other] , { $known } déjà connus
 }.
import-loss = perdu : { $why } { $place } { $detail }
import-losses = { $count ->
    [one] Un endroit des exports n'a pas pu être lu ; il est noté comme perte.
   *[other] { $count } endroits des exports n'ont pas pu être lus ; ils sont notés comme pertes.
 }
import-losses-next = Tout le reste est importé. Avec une meilleure copie de l'export, importez encore : seul ce qui manque s'ajoute.
import-not-read = { $path } n'a pas été importé.
import-not-read-next = La ligne ci-dessus dit pourquoi.
import-failed = L'import de { $path } s'est arrêté trop tôt, après { $kept } enregistrements : { $why }.
import-failed-next = Ce qui a été pris est en sûreté ; relancez la même commande pour le reste.
import-archive-damaged = Le zip est abîmé : { $detail }
import-archive-too-large = Le zip contient trop de fichiers pour un seul export.
import-dates-ambiguous = Rien dans le fichier ne distingue le jour du mois ; ils ont été lus comme { $taken }. Si c'est faux, importez encore avec --dates.
import-folder = Le dossier du connecteur est inutilisable : { $detail }
import-id = L'export contient un identifiant qui n'en est pas un.
import-files-left = { $files ->
    [one] Un fichier n'est pas un message et a été laissé de côté.
   *[other] { $files } fichiers ne sont pas des messages et ont été laissés de côté.
 }
import-loss-refused = Une perte n'a pas pu être notée : { $detail }
import-mapping = La correspondance est inutilisable : { $detail }
import-mapping-column = La correspondance nomme la colonne { $column }, que la ligne { $line } n'a pas. Elle a : { $columns }
import-mapping-too-long = La correspondance { $path } dépasse 60 Kio.
import-nothing-found = Ce n'est pas un export connu. Un tableau (CSV, lignes JSON) demande --mapping.
import-other-forms = { $lines } lignes commencent comme des messages d'une autre forme ; elles restent dans le message précédent.
import-path-missing = Le connecteur ne sait pas quel fichier lire.
import-setting = Le réglage { $name } ne convient pas.
import-title-missing = La conversation n'a pas de titre ; donnez-en un avec --title.
import-unreadable = L'export ne peut pas être lu : { $detail }
import-zone-missing = L'export ne nomme aucun fuseau et aucun n'a été donné : les heures sont lues comme UTC.

## status, gaps
status-archive = Archive « { $name } », empreinte { $fingerprint }
status-up = En marche : `greffe up` répond.
status-not-up = À l'arrêt : les commandes démarrent ce qu'il leur faut. `greffe up` garde tout en marche.
status-log = Journal : { $size } entrées, conservé jusqu'à { $stored }, { $objects } objets scellés, { $waiting } entrées en attente.
status-witnessed = Attesté : des témoins indépendants ont contresigné le dernier point de contrôle.
status-unwitnessed = Non attesté : aucun témoin indépendant n'a contresigné ; propriétaire et relais ensemble pourraient montrer deux histoires.
status-unlocked = Déverrouillée : la salle de lecture est ouverte. `greffe lock` la ferme.
status-locked = Verrouillée : rien ici ne peut lire les messages.
status-gaps = { $count ->
    [0] Aucune lacune.
    [one] Une lacune : `greffe gaps` la montre.
   *[other] { $count } lacunes : `greffe gaps` les montre.
 }
status-alarm = Alarme : { $what }
gaps-none = Aucune lacune : rien ne manque à notre connaissance.
gaps-heading = { $count } endroits où quelque chose peut manquer :
gaps-line = { $from } à { $to }  { $why } ({ $count }), signataire { $signer }
gaps-still = maintenant
gap-silent = un agent s'est tu
gap-account-silent = un compte s'est tu
gap-unlinked = un appareil a été délié
gap-expired = une session ou un consentement a pris fin
gap-stopped = la capture a été arrêtée
gap-losses = des événements ont été perdus
gap-withdrawn = une entrée a été refusée
gap-revoked = un signataire a été révoqué
gap-flagged = entrées d'un signataire compromis
gap-stale-head = la tête de la chaîne de contrôle est périmée
gap-object-missing = il manque un objet au relais
gap-object-damaged = un objet est abîmé
gap-object-awaited = un objet n'est pas arrivé
gap-unwitnessed = le dernier point de contrôle n'est pas attesté
gap-fork = le relais a montré deux journaux
gap-relay-silent = le relais s'est tu
kind-message = message
kind-edit = modifié
kind-delete = supprimé
kind-reaction = réaction
kind-receipt = accusé
kind-call = appel
kind-membership = membres
kind-change = changement
kind-poll = sondage
kind-consent = consentement
kind-loss = perte
kind-roster = liste des membres
kind-activity = activité
kind-account = compte
kind-unknown = autre événement
loss-undecryptable = indéchiffrable
loss-damaged = abîmé
loss-offline = source hors ligne
loss-unlinked = appareil délié
loss-refused = refusé
loss-expired = expiré
loss-too-large = trop grand
loss-limit = au-delà d'une limite
loss-unsupported = non pris en charge
loss-other = autre raison

## consultations
room-gone = La salle de lecture ne répond pas. { $why }
room-gone-next = `greffe lock`, puis essayez encore.
room-refused = La salle de lecture ne s'est pas ouverte : { $why }.
room-query = La requête n'est pas comprise au caractère { $at } : { $why }
room-query-next = `greffe search --help` donne des exemples.
room-not-found = { $why }
room-audit = Rien n'a été montré, car la consultation n'a pas pu être inscrite à la piste d'audit : { $why }
room-audit-next = Le disque est-il plein ? `greffe doctor` regarde.
room-damaged = { $why }
room-damaged-next = `greffe verify` nomme ce qui est abîmé ; les partitions se refont à partir du journal, des objets et des clés.
room-failed = { $why }
search-found = { $count ->
    [0] Rien trouvé.
    [one] Un message.
   *[other] { $count } messages.
 }
search-nothing = Rien ne correspond à { $query }.
search-nothing-next = Moins de mots, un début (bud*) ou `or` trouvent davantage.
search-more = La suite : --after { $cursor }
facet-network = Réseaux
facet-conversation = Conversations
facet-sender = Personnes
facet-kind = Genres
facet-month = Mois
show-heading = { $network } · { $title } · { $kind }
show-from = De { $who }
show-to = À { $who }
show-time = { $name } : { $at } UTC
time-sent = Envoyé
time-server = Accepté par le réseau
time-received = Reçu
time-captured = Capturé
show-source = Source : { $source }, { $assurance }
assurance-device = déchiffré par l'appareil du compte
assurance-business = livré par une interface professionnelle
assurance-export = lu dans un export remis par une personne
show-attachment = Pièce jointe { $number } : { $name } ({ $kind }, { $size } octets)
show-proof = Indice { $index } du journal, position { $position }. { $witnessed } Preuve : `greffe prove { $record }`
show-saved = Écrit { $path }
unlocked = Déverrouillée. La salle de lecture se verrouille après { $minutes } minutes d'inactivité ; `greffe lock` la ferme tout de suite.
unlocked-already = La salle de lecture est déjà ouverte.
locked = Verrouillée. La salle de lecture s'est terminée, avec toutes les clés qu'elle tenait.
locked-already = Elle était déjà verrouillée.
people-none = Personne n'est encore dans l'annuaire : `greffe people import personnes.csv` ou `greffe people add`.
people-no-agents = Le bureau n'a inscrit aucun agent.
people-agent = { $agent }  { $name }, sur « { $device } » (personne { $person }), accord du { $consented } UTC, plan { $plan }
people-agent-unbound = { $agent }  l'agent créé avec l'archive, plan { $plan }
people-done = Fait.
people-imported = { $people } personnes et { $accounts } comptes importés.
people-not-text = { $path } n'est pas du texte UTF-8 : { $why }.
date-wrong = { $date } n'est pas une date ; les dates s'écrivent 2026-11-24.

## preuves
prove-done = La preuve du message { $record } est écrite dans { $path } ({ $bytes } octets). Chacun peut la vérifier : greffe verify { $path }
fingerprint-wrong = { $text } n'est pas une empreinte : elle a 64 chiffres hexadécimaux.
verify-good = { $path } : la preuve tient.
verify-archive-given = C'est l'archive { $archive }, comme donné.
verify-archive-not-given = Elle dit être l'archive { $archive } ; aucune empreinte n'a été donnée pour comparer.
verify-logged = Indice { $index } du journal, admis le { $at } UTC.
verify-compromised = Note : le signataire a été déclaré compromis à partir d'ici ou avant.
verify-control-gap = Note : la chaîne de contrôle du fichier a des lacunes.
verify-part-shown = Montré : { $part }
verify-part-withheld = Retenu : { $part }
verify-text = Texte : { $text }
verify-refused = { $path } : la preuve ne tient pas (contrôle { $check }) : { $why }.
verify-working = vérification
verify-archive-good = L'archive se vérifie : { $entries } entrées, { $objects } objets, chaque octet.
verify-damage = { $file }{ $place } : { $check } : { $what }
verify-damage-byte = {" "}octet { $byte }
verify-damage-entry = {" "}(entrée { $entry })
verify-damage-byte-entry = {" "}octet { $byte } (entrée { $entry })
verify-archive-faults = L'archive ne se vérifie pas : { $count ->
    [one] { $count } abîmé
   *[other] { $count } abîmés
 }, { $missing ->
    [one] { $missing } manquant
   *[other] { $missing } manquants
 }. { $places }
verify-archive-faults-next = Reprenez les fichiers nommés d'une sauvegarde ou d'une autre copie ; le relais les a encore.
verify-foreign = C'est une autre archive : { $archive }.

## doctor
doctor-wrong = { $count } choses demandent attention.
doctor-no-archive = Il n'y a pas d'archive ici : `greffe init` en crée une.
doctor-archive = Archive « { $name } », réglages lisibles.
doctor-settings = Les réglages sont inutilisables : { $why } Corrigez greffe.toml.
doctor-owner = Le dossier du propriétaire est complet : genèse, trousseau, clé racine, { $entries } entrées.
doctor-owner-wrong = Le dossier du propriétaire n'est pas complet : { $why } Reprenez-le d'une sauvegarde.
doctor-keys = Des clés existent d'avance jusqu'au { $until }.
doctor-keys-short = Les clés ne vont que jusqu'au { $until } : `greffe keys make-ahead`.
doctor-keys-unread = Le trousseau ne peut pas être lu.
doctor-disk = { $free } Mio sont libres sur le disque.
doctor-disk-full = Seulement { $free } Mio libres sur le disque : faites de la place.
doctor-disk-unread = Le disque ne dit pas combien de place il reste.
doctor-secret = { $path } est là, et vous seul pouvez le lire.
doctor-secret-open = D'autres peuvent lire { $path } : chmod 600.
doctor-secret-missing = { $path } manque : reprenez-le d'une sauvegarde.
doctor-up = `greffe up` est en marche.
doctor-not-up = Rien ne tourne ; les commandes démarrent ce qu'il leur faut.
doctor-held = Un processus tient l'archive sans répondre : terminez-le, puis `greffe up`.

## demo
demo-begin = Une démonstration dans { $folder }. Elle dure moins d'une minute ; chaque ligne après $ est une commande que vous pouvez lancer vous-même.
demo-import = {""}
    Des conversations d'exemple d'une salle des marchés, d'un ministère et d'une clinique, en sept langues :
demo-imported = { $file } ({ $language }) : { $count } enregistrements scellés, journalisés et conservés
demo-unlock = {""}
    Jusqu'ici rien ne pouvait les lire. La salle de lecture s'ouvre avec la phrase secrète :
demo-search = {""}
    Recherche :
demo-beside = {""}
    Ce que le relais tient, à côté de ce que la salle de lecture a ouvert :
demo-room-holds = La salle de lecture : { $text }
demo-relay-holds = Le relais : { $rows }
demo-relay-searched = Les { $bytes } octets du relais ont été fouillés pour ce texte : { $hits ->
    [0] il n'y est pas.
   *[other] trouvé { $hits } fois !
 }
demo-prove = {""}
    Un message prouvé, et la preuve vérifiée dans un dossier vide, sans aucune clé :
demo-altered-proof = {""}
    Un bit de l'octet { $place } de la preuve changé :
demo-altered-archive = {""}
    Un bit de l'octet { $place } d'un objet scellé du coffre changé :
demo-next = {""}
    À vous maintenant : greffe init, greffe import mon-chat.zip, greffe search budget
demo-kept = {""}
    L'archive reste dans { $folder } (phrase secrète dans le fichier « passphrase »). `greffe demo --clean` l'enlève.
demo-removed = { $folder } est enlevé.
demo-no-folder = { $folder } n'est pas le dossier d'une démonstration ; rien n'a été enlevé.
demo-failed = La démonstration s'est arrêtée à « { $what } » : { $why }
demo-not-found = « { $what } » aurait dû trouver ce qui a été changé, et ne l'a pas fait. C'est un défaut : signalez-le.

## Enrolment and agents
help-agent = L'agent sur la machine d'une personne archivée : l'inscrire, relier les réseaux, le faire tourner
help-agent-arg-folder = Dossier de l'agent [par défaut : greffe-agent dans le dossier de données de cet utilisateur]
help-agent-enrol = Inscrire cette machine avec l'invitation reçue
help-agent-enrol-arg-folder = Dossier de l'agent [par défaut : greffe-agent dans le dossier de données de cet utilisateur]
help-agent-enrol-arg-invitation = La ligne de l'invitation, ou un fichier qui la contient
help-agent-enrol-arg-consent = Votre nom, qui vaut consentement à ce que dit l'invitation (sinon il est demandé)
help-agent-enrol-arg-device = Nom de cette machine pour le propriétaire [par défaut : son nom d'hôte]
help-agent-enrol-arg-wait = Attendre l'approbation, au plus tant de secondes [par défaut : un jour]
help-agent-enrol-arg-follows = Cet agent a été restauré d'une copie : nouvelles clés qui nomment l'ancienne chaîne
agent-no-folder = Il n'y a pas de dossier pour l'agent.
agent-no-folder-next = Nommez-en un avec --folder DIR.
invitation-wrong = Ce n'est pas une invitation : { $why }.
invitation-wrong-next = Collez toute la ligne qui commence par greffe-invite:, ou scannez le code QR de la lettre.
help-agent-plan = Montrer le plan qui dit ce que cet agent peut et doit archiver
help-agent-plan-arg-folder = Dossier de l'agent [par défaut : greffe-agent dans le dossier de données de cet utilisateur]
help-invite = Inviter une personne : une ligne à coller, un code QR, une lettre
help-invite-arg-name = Qui invite, comme on l'appelle [par défaut : le nom de l'archive]
help-invite-arg-person = Identifiant opaque de la personne invitée
help-invite-arg-auto-approve = Approuver sans intervention quiconque possède cette invitation
help-invite-arg-valid = Durée de validité : 7d (jours), 12h (heures) ; au plus 31d
help-invite-arg-agents = Nombre de machines qu'elle peut inscrire
help-invite-arg-relay = Où les agents joignent le relais, https://hôte:port [par défaut : où écoute `greffe up`]
help-invite-arg-letter = Écrire dans ce PDF une lettre en anglais et en français avec le consentement et le code QR
help-invite-arg-qr = Montrer le code QR dans le terminal
help-enrolments = Demandes en attente, et agents inscrits
help-enrolments-list = Lister les demandes en attente et les agents inscrits
help-enrolments-approve = Approuver une demande
help-enrolments-approve-arg-request = La demande, ou son début
help-enrolments-refuse = Refuser une demande
help-enrolments-refuse-arg-request = La demande, ou son début
help-revoke = Mettre fin à l'autorité d'un agent
help-revoke-arg-agent = L'agent, ou le début de son identifiant
help-revoke-arg-retired-until = Retiré : ce qu'il a archivé est accepté jusqu'au début de ce jour
help-revoke-arg-compromised-from = Compromis : les entrées à partir de ce numéro sont refusées, celles admises sont signalées
help-plan = Ce qu'un agent peut et doit archiver
help-plan-set = Envoyer un plan à un agent
help-plan-set-arg-agent = L'agent, le début de son identifiant, ou l'identifiant de la personne
help-plan-set-arg-file = Le plan (TOML) ; docs/operations/plans.md l'explique
help-plan-set-arg-second = Fichier de la clé d'une autre personne qui signe ; les conversations privées en exigent une
help-plan-propose = Écrire un plan dans un fichier scellé, que d'autres signent sur leurs machines
help-plan-propose-arg-agent = L'agent, ou le début de son identifiant, ou l'identifiant de la personne
help-plan-propose-arg-file = Le plan (TOML) ; docs/operations/plans.md l'explique
help-plan-propose-arg-out = Écrire la proposition dans ce fichier
help-plan-propose-arg-proposal-passphrase-file = Fichier d'une phrase secrète pour la proposition (sinon elle est demandée)
help-plan-sign = Lire un plan proposé et le signer ; aucune archive n'est nécessaire sur cette machine
help-plan-sign-arg-proposal = Le fichier de la proposition ; votre signature y est ajoutée
help-plan-sign-arg-key = Fichier de votre clé
help-plan-sign-arg-agree = Vous avez lu le plan et l'approuvez (sinon on vous le demande)
help-plan-sign-arg-proposal-passphrase-file = Fichier de la phrase secrète de la proposition (sinon elle est demandée)
help-plan-submit = Envoyer à son agent un plan proposé, avec les signatures qu'il porte
help-plan-submit-arg-proposal = Le fichier de la proposition
help-plan-submit-arg-proposal-passphrase-file = Fichier de la phrase secrète de la proposition (sinon elle est demandée)
help-plan-show = Montrer le dernier plan envoyé à un agent
help-plan-show-arg-agent = L'agent, le début de son identifiant, ou l'identifiant de la personne
help-plan-key = Créer une clé à vous pour signer des plans, et montrer sa moitié publique
help-plan-key-arg-key = Le fichier de la clé ; créé s'il n'existe pas
help-plan-approver = Laisser ces personnes et le bureau faire les plans désormais, et personne d'autre
help-plan-approver-arg-keys = La clé publique d'une personne, ou le fichier de sa clé, créé s'il n'existe pas
help-plan-approver-arg-threshold = Nombre de signatures qui font un plan, celle du bureau comprise
validity-form = une durée s'écrit 7d ou 12h, au plus 31d
office-delegating = Le bureau des inscriptions n'a pas encore le droit d'agir : la racine de l'archive le lui donne, une fois pour toutes.
invite-made = Remettez ceci à la personne par une voie que d'autres ne lisent pas. Valable jusqu'au { $until } UTC.
invite-letter = La lettre est dans { $path }.
letter-failed = La lettre n'a pas pu être faite : { $why }.
letter-heading = Vos messages seront archivés : veuillez lire ceci
letter-how = Comment s'inscrire
letter-command = Sur votre ordinateur, lancez : greffe agent enrol, suivi de la ligne ci-dessous, ou scannez le code.
letter-fingerprint = Empreinte de l'archive : { $fingerprint }
consent-intro = { $inviter } vous demande d'inscrire cette machine dans son archive des messages de travail. L'invitation prend fin le { $until } UTC.
consent-what = Ce qui est archivé : les messages des comptes que vous relierez ensuite, dans les deux sens, à partir de ce moment-là : textes, images et fichiers, réactions, modifications et suppressions, appels (le fait qu'ils ont eu lieu, pas ce qui a été dit), qui participe à une conversation et quand. Rien n'est archivé avant que vous ne reliiez un compte, ni rien qui vienne d'autres comptes ou d'autres applications de cette machine. Un plan peut laisser des conversations de côté ; `greffe agent plan` vous le montre en entier.
consent-who = Qui peut lire : les personnes désignées par { $inviter }, et seulement à plusieurs là où c'est décidé ainsi. Chaque consultation est consignée avant d'être montrée.
consent-who-not = Qui ne le peut pas : ceux qui exploitent le relais, le stockage ou le réseau entre les deux ; celui qui s'emparerait du disque de cette machine, pour ce qui a été scellé ; les auteurs de ce programme. Chaque message est scellé sur cette machine, avant d'être écrit, de sorte que seules les clés du propriétaire de l'archive l'ouvrent.
consent-rights = Vos droits : vous voyez à tout moment que l'archivage fonctionne (`greffe agent status`), il n'y a pas de mode caché. Vous pouvez demander à { $inviter } quels messages de vous sont détenus, pourquoi et combien de temps ils sont conservés, les faire rectifier ou effacer dans les cas prévus par la loi, et saisir l'autorité de protection des données. Votre consentement, ce texte et l'heure sont eux-mêmes versés à l'archive. Si vous n'êtes pas d'accord, ne vous inscrivez pas et demandez à { $inviter } ce que cela implique pour votre travail.
consent-ask = Si vous êtes d'accord, tapez votre nom puis Entrée. Pour arrêter, tapez Entrée seule.
consent-no-terminal = Il n'y a pas de terminal pour vous interroger.
consent-no-terminal-next = Donnez votre consentement avec --consent "Votre nom" après avoir lu le texte ci-dessus.
consent-not-given = Vous n'avez pas consenti ; rien n'a été fait ni envoyé.
invitation-ended = L'invitation a pris fin.
invitation-ended-next = Demandez-en une nouvelle.
invitation-used = L'invitation a pris fin ou a inscrit autant d'agents qu'elle le peut.
invitation-used-next = Refusez la demande et faites une nouvelle invitation.
invitation-not-standing = Le relais ne connaît pas cette invitation : elle a pris fin, a été retirée, ou est d'un autre relais.
invitation-not-standing-next = Demandez-en une nouvelle.
enrol-other-archive = Le relais montre une autre archive que celle de l'invitation. Rien n'a été inscrit.
enrol-other-archive-next = Dites-le à qui vous a invité : quelqu'un s'interpose peut-être.
enrol-nothing-to-follow = Le relais ne connaît aucune entrée de cet agent : il n'y a pas de chaîne à suivre.
enrol-nothing-to-follow-next = Inscrivez-vous dans un nouveau dossier, sans --follows.
agent-enrolled-already = { $folder } contient déjà un agent.
agent-enrolled-already-next = Voyez `greffe agent status`. S'il a été restauré d'une copie, inscrivez-le avec --follows.
enrol-waiting = En attente d'approbation. Mots de contrôle de cette machine, à comparer quand on vous le demande : { $check }
enrol-left = La demande est déposée ; elle attend l'approbation. Mots de contrôle de cette machine : { $check }
    Relancez la même commande, avec --wait si vous voulez, pour voir où elle en est.
enrol-done = Inscrit. Votre consentement est dans l'archive. Mots de contrôle de cette machine : { $check }
    Ensuite : reliez un compte avec `greffe agent link`, puis `greffe agent run`.
enrol-refused = La demande a été refusée.
enrol-refused-next = Demandez à qui vous a invité.
enrolment-unknown = Aucune demande ne commence par { $request }, ou plusieurs.
enrolment-unknown-next = `greffe enrolments` les liste.
enrolment-refused = La demande ne peut pas être approuvée : { $why }.
enrolment-approved = Approuvé : l'agent { $agent } est inscrit.
enrolment-refused-done = Refusé.
enrolments-waiting = { $count ->
    [0] Aucune demande n'attend.
    [one] Une demande attend :
   *[other] { $count } demandes attendent :
 }
enrolments-line = { $request }  { $name }, sur « { $device } »
    demandé { $received }, consentement { $consented } UTC ; mots de contrôle { $check }
enrolments-follows =     restauré d'une copie : continue { $old }, à qui l'approbation met fin
enrolments-agents = { $count ->
    [0] Aucun agent n'est inscrit.
    [one] Un agent est inscrit :
   *[other] { $count } agents sont inscrits :
 }
enrolments-agent = { $agent }  personne { $person }, plan { $plan }, { $standing }
agent-good = en règle
agent-retired = retiré ; son arriéré est accepté jusqu'au { $until } UTC
agent-compromised = compromis à partir du numéro { $number }
agent-unknown = Aucun agent ne commence par { $agent }, ou plusieurs.
agent-unknown-next = `greffe enrolments` les liste.
revoked-retired = L'agent { $agent } est retiré ; ce qu'il a archivé est accepté jusqu'au { $until } UTC.
revoked-compromised = L'agent { $agent } est refusé à partir du numéro { $number } ; les entrées admises restent, signalées.
plan-wrong = Le plan ne peut pas être envoyé : { $why }.
plan-no-mailbox = Aucune clé de boîte aux lettres de l'agent { $agent } n'est connue pour lui sceller un plan : ce bureau ne l'a pas inscrit.
plan-class = L'archive n'a pas de clé pour la classe de conservation { $class } : l'agent ne pourrait rien lui sceller.
plan-class-next = Indiquez une classe qui a des clés ; `greffe keys list` les montre.
plan-not-approver = Quelqu'un a signé qui n'a pas le droit de faire des plans.
plan-not-approver-next = `greffe plan approver CLÉ…` dit qui en a le droit, tous ensemble.
plan-signatures = Le plan porte { $have } des { $needed } signatures requises.
plan-signatures-next = Proposez-le avec `greffe plan propose`, faites signer les autres avec `greffe plan sign`, puis `greffe plan submit`.
plan-threshold = { $keys } clés ne peuvent pas donner { $threshold } signatures.
plan-proposal-stale = La proposition est périmée : le bureau a signé autre chose depuis, ou un plan plus récent a été envoyé.
plan-proposal-stale-next = Proposez le plan de nouveau et faites-le signer de nouveau.
proposal-wrong = La proposition est inutilisable : { $why }.
proposal-passphrase-choose = Choisissez une phrase secrète pour la proposition, et dites-la à ceux qui signent : { "" }
proposal-passphrase-ask = Phrase secrète de la proposition : { "" }
plan-proposed = Le plan { $number } est proposé dans { $path }, avec la signature du bureau. Ceux qui signent ont besoin du fichier et de sa phrase secrète.
plan-to-sign = Pour l'agent aux mots de contrôle { $agent }, dans l'archive { $archive } :
    { $plan }
plan-sign-ask = Tapez « oui » pour signer exactement ceci :
plan-sign-word = oui
plan-sign-no-terminal = Il n'y a pas de terminal pour donner votre accord.
plan-sign-no-terminal-next = Lisez le plan, puis ajoutez --agree.
plan-not-signed = Rien n'a été signé.
plan-signed = Signé. La proposition porte maintenant { $count ->
    [one] une signature
   *[other] { $count } signatures
} : renvoyez le fichier au bureau.
plan-key-made = Votre clé se trouve dans { $path } ; gardez-la pour vous. Sa moitié publique, pour `greffe plan approver` : { $key }
plan-not-written = L'archive ne contient pas ce plan : le bureau a été interrompu pendant l'envoi.
plan-not-written-next = Envoyez le plan de nouveau.
plan-sent-private = Il rend privé { $count ->
    [one] un endroit
   *[other] { $count } endroits
} : une seconde personne a signé, et l'archive en fait état.
enrolments-private =     { $count ->
    [one] une règle rend
   *[other] { $count } règles rendent
} des conversations privées, avec la signature d'une seconde personne
plan-second-person = Un plan qui marque des conversations comme privées exige une seconde personne.
plan-second-person-next = Donnez-lui ce droit avec `greffe plan approver CLÉ`, puis faites-la signer : --second CLÉ, ou `greffe plan propose`.
plan-sent = Le plan { $number } est envoyé ({ $rules } règles). L'agent le signale dans l'archive dès qu'il l'a reçu.
plan-approver-made = { $count ->
    [one] Une personne
   *[other] { $count } personnes
} et le bureau font désormais les plans ; { $threshold ->
    [one] une signature suffit
   *[other] { $threshold } signatures suffisent
}, mais il en faut deux là où des conversations sont privées. Chaque clé appartient à sa personne : gardez-la à part.
plan-not-asked = Le relais n'a pas pu être interrogé sur un plan plus récent ; voici celui qui est en vigueur ici.
plan-none = Aucun plan n'a été envoyé : tout est archivé.
plan-heading = Plan { $number } :
plan-rule = - { $what } si { $conditions }
plan-otherwise = - sinon { $what }
plan-capture = archivé
plan-exclude = laissé de côté (compté, non lu)
plan-private = privé (compté, non lu)
plan-network = le réseau est { $value }
plan-account = le compte est { $value }
plan-conversation = la conversation est { $value }
plan-person = { $value } participe
plan-label = le titre est { $value }
plan-from = l'événement n'est pas antérieur au { $value } UTC
plan-before = l'événement est antérieur au { $value } UTC
plan-notice = Avis ({ $language }) : { $text }
plan-notice-where = Avis ({ $language }) si { $conditions } : { $text }

# L’agent au travail
help-agent-run = Capturer et remettre jusqu’à l’arrêt
help-agent-run-long = Capture les comptes d’agent.toml dans le dossier de l’agent, scelle ce qui vient et le remet, jusqu’à SIGTERM ou Ctrl-C. SIGHUP fait relire agent.toml. Ce qu’il dit va sur la sortie d’erreur ; « greffe agent status » montre où il en est.
help-agent-run-arg-folder = Le dossier de l’agent [défaut : greffe-agent dans le dossier de données de cet utilisateur]
help-agent-run-arg-host = Faire tourner chaque agent qui se trouve dans un sous-dossier de DIR, un par personne archivée
help-agent-status = Montrer où en est l’agent, aussi pendant qu’il tourne
help-agent-status-arg-folder = Le dossier de l’agent [défaut : greffe-agent dans le dossier de données de cet utilisateur]
help-agent-status-arg-host = Montrer chaque agent qui se trouve dans un sous-dossier de DIR
agent-running = { $count ->
    [one] L’agent tourne.
   *[other] { $count } agents tournent.
}
agent-runs-already = L’agent dans { $folder } tourne déjà.
agent-runs-already-next = « greffe agent status » montre où il en est.
agent-not-enrolled = Il n’y a pas d’agent dans { $folder }.
agent-not-enrolled-next = Inscrivez-le avec « greffe agent enrol INVITATION », ou nommez un autre dossier avec --folder.
agent-status-folder = Agent dans { $folder }
agent-status-never = Il n’a jamais tourné.
agent-status-runs = Tourne depuis { $since } UTC.
agent-status-not = Ne tourne pas ; vu pour la dernière fois { $at } UTC.
agent-status-relay = Relais { $relay }, dernier signe { $heard } ; { $waiting } entrées l’attendent, { $receipted } attendent le coffre.
agent-status-account = { "  " }{ $network } { $account } : { $state } depuis { $since } ; { $captured } capturés, { $losses } pertes
agent-status-missing = { "    " }quelque chose peut manquer depuis { $from } UTC
notices-not-given = le plan veut que des avis soient donnés, et ce connecteur n’en donne pas
agent-status-no-account = Il n’a pas de compte. « greffe agent link » en ajoute un.
agent-status-alarm = Alarme : { $what } (compte { $account }, depuis { $since } UTC)
agent-alarm-foreign-archive = le relais ne sert pas cette archive
agent-alarm-not-enrolled = cet agent n’est pas inscrit
agent-alarm-revoked = cet agent est révoqué
agent-alarm-denied = le relais n’accepte pas cet agent, et la chaîne de contrôle de l’archive n’en donne pas la raison
agent-alarm-control-withheld = le relais cache des actes de la chaîne de contrôle de l’archive
agent-alarm-stale-head = personne n’a signé la chaîne de contrôle de l’archive depuis trop longtemps
agent-alarm-unconfirmed = depuis trop longtemps, le coffre n’a pas confirmé qu’il détient ce qui a été remis
agent-alarm-not-allowed = cet agent n’a pas le droit de verser ce qu’il remet
agent-alarm-clone = cet agent a été restauré depuis une copie et doit être inscrit à nouveau
agent-alarm-fork = le journal n’est pas celui qui a été vu avant
agent-alarm-behind = le relais a perdu des entrées de cet agent
agent-alarm-relay-away = le relais n’est pas joignable
agent-alarm-disk-full = le disque est plein : la capture attend
agent-alarm-no-epoch = il n’y a pas encore de clé pour sceller : la capture attend
agent-alarm-unlinked = l’appareil est dissocié : associez-le à nouveau
agent-alarm-expired = la session ou le consentement a pris fin
agent-alarm-connector-ends = le connecteur ne cesse de s’arrêter
agent-alarm-silent = rien n’est capturé
# Ce que le coffre remarque
help-arg-log = Ce qui est dit sur la sortie d’erreur : off, error, warn, info ou debug
help-events = Énumérer ce qui est arrivé aux agents et aux comptes
help-events-long = Énumère ce que le coffre a remarqué, du plus ancien au plus récent, aussi quand il est verrouillé : inscriptions, états des comptes, silences, pertes. Avec --json une ligne par événement, pour un SIEM ; --after continue après le numéro du dernier lu.
help-events-arg-since = À partir de ce moment : 2026-11-24, 2026-11-24T08:00Z, ou une durée à rebours : 90m, 24h, 7d
help-events-arg-after = Après l’événement de ce numéro
help-events-arg-limit = Nombre maximal d’événements
help-alarms = Prévenir les personnes et les machines de ce qui est remarqué
help-alarms-test = Envoyer un message d’essai par chaque voie d’[alarms] dans greffe.toml
events-none = Il ne s’est rien passé.
since-wrong = « { $text } » n’est pas un moment.
since-wrong-next = Écrivez un jour (2026-11-24), un moment (2026-11-24T08:00:00Z), ou une durée à rebours (90m, 24h, 7d).
event-line = { $at }  { $what } ({ $count }), agent { $signer }, compte { $account }
event-enrolled = une clé a été inscrite
event-retired = retiré
event-compromised = compromis
event-connected = connecté
event-lagging = connecté, en retard
event-silent = silencieux
event-unlinked = dissocié
event-expired = expiré
event-stopped = arrêté
event-importing = importation
event-losses = pertes comptées
event-withdrawn = une entrée a été refusée
event-agent-silent = l’agent est silencieux
event-agent-heard = l’agent s’est fait entendre
event-relay-silent = le relais ne montre rien de nouveau
event-relay-heard = le relais répond à nouveau
event-head-stale = la tête de la chaîne de contrôle est ancienne
event-head-fresh = la tête de la chaîne de contrôle est à nouveau signée
event-unwitnessed = le dernier point de contrôle est sans témoin
event-witnessed = le dernier point de contrôle a ses témoins
event-fork = le relais a montré deux journaux
event-objects-missing = des objets manquent ou sont endommagés
event-objects-found = tous les objets sont de nouveau là
status-agent = Agent { $signer } : { $state }, dernière entrée { $heard }
status-account = { "  " }compte { $account } : { $state } depuis { $since }, dernier signe { $heard }, { $losses } pertes
alarms-none = Personne n’est prévenu : greffe.toml n’a pas de section [alarms].
alarms-none-next = Voir docs/operations/alarms.md.
alarms-sent = { $channel } : envoyé
alarm-not-sent = { $channel } n’a pas accepté l’alarme : { $why }
alarm-not-sent-next = Vérifiez [alarms.{ $channel }] dans greffe.toml, puis « greffe alarms test ».
alarm-subject-test = Greffe { $archive } : essai
alarm-subject-digest = Greffe { $archive } : { $count } événements en 24 heures
alarm-subject-one = Greffe { $archive } : { $what }
alarm-subject-many = Greffe { $archive } : { $count } alarmes
alarm-text-test = Ceci est un essai : les alarmes vous parviennent.
alarm-text-digest = Événements des dernières 24 heures : { $count }.
alarm-text = Le coffre a remarqué :
alarm-text-end = Archive { $archive }. Les heures sont en UTC. « greffe status » et « greffe gaps » en montrent plus ; les noms ne sont montrés que là où l’archive est déverrouillée.
doctor-confined = Les connecteurs sont tenus à leurs propres dossiers et à l’écart des autres processus.
doctor-confined-files = Les connecteurs sont tenus à leurs propres dossiers ; ce noyau est trop ancien pour les empêcher d’envoyer des signaux à d’autres processus.
doctor-not-confined = Ce noyau n’a pas Landlock : un connecteur peut lire ce que lit cet utilisateur, clés et file comprises. Faites tourner les agents sous Linux 6.12 ou plus récent, ou chacun sous un utilisateur à lui.
doctor-wrapped = Les secrets de l’agent sont enveloppés sous un identifiant de ce système.
doctor-readable = Les secrets de l’agent, et ce que gardent les connecteurs, sont sur le disque des fichiers de cet utilisateur : qui prend le disque les lit, s’il n’est pas chiffré. Un identifiant systemd enveloppe les secrets (packaging/systemd/greffe-agent.service).

## magasins du trousseau, détenteurs ailleurs, octets
help-arg-ask-holders = Les détenteurs donnent leurs parts sur leurs propres machines : montrer une demande, lire leurs réponses
help-show-arg-original = Les octets d'origine du message sur son réseau, et rien d'autre
help-show-arg-attachment = Les octets de sa Nième pièce jointe, et rien d'autre
help-show-arg-out = Les écrire dans ce fichier plutôt que sur la sortie standard
help-keys-destroy-arg-finish = Achever les destructions en attente dans un magasin du trousseau
help-keys-stores = D'autres lieux qui gardent le trousseau : chaque changement va dans tous et y est relu
help-keys-stores-add = Ajouter un dossier, sur un autre disque ou une autre machine, comme magasin du trousseau
help-keys-stores-add-arg-name = Son nom : lettres minuscules, chiffres et -
help-keys-stores-add-arg-folder = Le dossier ; il doit exister
help-keys-stores-remove = Retirer le trousseau d'un magasin, et oublier le magasin
help-keys-stores-remove-arg-name = Le magasin
help-keys-stores-remove-arg-gone = Son dossier est perdu ou détruit : l'oublier sans rien retirer
help-keys-stores-list = Lister les magasins du trousseau
help-keys-stores-check = Lire chaque magasin et dire ce qui est en attente, et où
help-keys-holders = Qui peut déverrouiller les clés
help-keys-holders-list = Lister les façons de déverrouiller
help-keys-holders-replace = De nouvelles parts pour de nouveaux détenteurs et une nouvelle clé du coffre : aucune part ni phrase d'avant ne déverrouille plus
help-keys-holders-replace-arg-holders = K détenteurs sur N, par exemple 2/3
help-keys-holders-replace-arg-shares = Un dossier vide pour les nouvelles parts, un fichier chacune
help-keys-holders-replace-arg-paper = Les parts en mots et codes QR, à imprimer, au lieu de fichiers scellés
help-share = Ce qu'un détenteur fait pour déverrouiller une archive qui est ailleurs
help-share-paper = Montrer votre part en mots et en code QR, à garder sur papier
help-share-give = Donner votre part à un déverrouillage, scellée pour lui seul
help-share-give-arg-request = Le fichier de la demande qui commence par greffe-unlock:, ou - pour l'entrée standard
help-share-give-arg-fingerprint = Les chiffres que la personne qui déverrouille vous a dits (sinon ils sont demandés)
help-share-give-arg-out = Écrire la réponse dans ce fichier
help-share-give-examples = Exemples :
    greffe share give demande.txt --share ma-part.txt
    greffe share give - --share ma-part.txt --fingerprint "1f0a 22c9 …"
out-of-what = --out veut --original ou --attachment N.
bytes-written = { $count } octets écrits dans { $path }
bytes-too-many = { $count } octets, c'est trop pour les montrer.
bytes-too-many-next = Ajoutez --out FICHIER pour les écrire dans un fichier.
bytes-no-text = { $count } octets, qui ne sont pas du texte.
bytes-no-text-next = Ajoutez --out FICHIER, ou passez-les à un programme qui les connaît.
show-members = Membres à ce moment : { $who }
show-original = Original : { $kind }, { $size } octets (`greffe show --original { $record }`)
show-carried = Reporté vers l'époque { $epoch } à l'indice { $index } du journal.
show-carried-from = Reporté : lu à l'indice { $index } du journal, époque { $epoch } ; la clé de sa première époque est détruite.
store-added = Le magasin { $name } garde maintenant le trousseau : { $folder }
store-same-disk = Il est sur le même disque que l'archive : une seule panne peut emporter les deux.
store-unusable = { $folder } ne peut pas être un magasin du trousseau : { $why }.
store-unusable-next = Créez le dossier, sur un disque présent et accessible en écriture, et recommencez.
store-no-folder = ce n'est pas un dossier
store-name = Ce ne peut pas être le nom d'un magasin : { $why }.
store-twice = Il y a déjà un magasin { $name }, ou un magasin dans ce dossier, ou le dossier est celui de l'archive.
store-line = { $name }  { $folder }
store-unknown = Il n'y a pas de magasin du trousseau { $name }.
store-unknown-next = `greffe keys stores list` les liste.
store-removed = Le magasin { $name } est oublié ; { $folder } ne contient plus de trousseau de cette archive.
store-given-up = Le magasin { $name } est oublié. Qui trouve { $folder } a un ancien trousseau : les parts ou la phrase secrète de l'époque l'ouvrent encore. Remplacez les détenteurs s'il n'est pas détruit.
store-not-removed = Le trousseau ne peut pas être retiré de { $folder } : { $why }.
store-not-removed-next = Rendez le dossier accessible ; s'il est perdu ou détruit pour de bon, ajoutez --gone.
stores-none = Il n'y a pas de magasin du trousseau hors du dossier du propriétaire. `greffe keys stores add NOM DOSSIER` en crée un.
store-confirmed = ✓ { $name } garde la génération { $generation }.
store-pending = ✗ en attente à { $name } : { $why }.
destruction-pending = ✗ La destruction de { $epoch } est en attente à { $name } : un ancien trousseau peut y être encore.
destruction-finish = Rendez ce magasin accessible, puis : greffe keys destroy --finish (le prochain déverrouillage le fait aussi)
stores-pending = Le trousseau est en attente à { $names }.
stores-pending-next = Rendez le magasin accessible, puis lancez `greffe keys destroy --finish` ; le prochain déverrouillage le fait aussi.
keyring-newer = Rien n'a été écrit : { $why }.
keyring-newer-next = Le trousseau de cette archive a été remis depuis une copie. Copiez le plus récent sur owner/keyring.cbor et recommencez.
keyring-not-written = Le trousseau n'a pas été écrit : { $why }.
holders-none = Aucun détenteur de parts ne peut déverrouiller cette archive.
holders-none-next = Elle s'ouvre avec une phrase secrète : omettez --ask-holders.
holders-ask = Il faut { $needed } détenteurs. Envoyez ce texte à chacun, et dites ces chiffres à chacun par une autre voie,
    par exemple au téléphone : { $fingerprint }
holders-paste = Collez chaque réponse ici (ou nommez un fichier qui la contient), puis Entrée :
holders-have = { $have } parts sur { $needed }.
holders-twice = La part { $index } a déjà été donnée.
holders-too-few = { $have } détenteurs sur { $needed } ont répondu ; rien n'a été déverrouillé.
answer-wrong = Ce n'est pas une réponse à cette demande : { $why }.
answer-wrong-next = Chaque déverrouillage a sa propre demande : le détenteur doit répondre à celle-ci. Collez ensuite toute la réponse.
request-wrong = { $path } ne contient pas de demande : { $why }.
request-wrong-next = C'est un seul texte qui commence par greffe-unlock:, envoyé par la personne qui déverrouille.
share-one = Nommez votre propre part avec --share FICHIER, une fois.
share-given = Renvoyez ceci à la personne qui déverrouille. Seul ce déverrouillage peut le lire :
share-given-file = La réponse est écrite dans { $path }. Renvoyez-la à la personne qui déverrouille.
fingerprint-ask = L'archive { $archive } demande votre part. Tapez les chiffres que la personne qui déverrouille vous a dits :
fingerprint-needed = Les chiffres de la demande ne sont pas comparés.
fingerprint-needed-next = Demandez-les à la personne qui déverrouille, par une autre voie que ce texte, et ajoutez --fingerprint "CHIFFRES".
fingerprint-differs = Ces chiffres ne sont pas ceux de la demande. Votre part n'a pas été donnée : quelqu'un d'autre la demande peut-être.
fingerprint-differs-next = Appelez la personne qui déverrouille et comparez encore.
holders-line-shares = { $needed } détenteurs de parts sur { $holders }
holders-line-token = un jeton PKCS#11
holders-line-passphrase = une phrase secrète
holders-replaced = { $needed } nouveaux détenteurs sur { $holders } ouvrent maintenant les clés ; leurs parts sont dans { $folder }. Aucune part ni phrase d'avant ne le fait.
    Donnez un fichier à chaque détenteur et enlevez-le d'ici. Une copie d'un ancien trousseau s'ouvre encore avec les anciennes parts : les magasins doivent confirmer.
holders-not-replaced = Les détenteurs n'ont pas été remplacés : { $why }.
doctor-stores = { $count ->
    [one] Un magasin confirme le trousseau.
   *[other] { $count } magasins confirment le trousseau.
 }
doctor-stores-none = Le trousseau n'est que dans le dossier du propriétaire ; `greffe keys stores add NOM DOSSIER` ajoute un second lieu.
doctor-stores-pending = Le trousseau est en attente à { $names }, et avec lui { $destroyed } destructions : `greffe keys destroy --finish`.
doctor-stores-unread = Les magasins du trousseau ne peuvent pas être contrôlés : { $why }

## signal
agent-link-network = Greffe ne peut pas lier un appareil de { $network } ; il le peut de : { $known }.
agent-link-network-next = Les autres voies vers un réseau sont décrites dans docs/networks.md.
agent-link-setting = { $setting } n’est pas un réglage.
agent-link-setting-next = Écrivez --set NOM=VALEUR.
agent-link-failed = Aucun appareil n’a été lié.
agent-link-failed-next = La ligne ci-dessus dit pourquoi ; la même commande essaie de nouveau.
agent-link-signal-before = Greffe devient un appareil lié de votre compte Signal, comme le serait Signal Desktop. Dès lors il voit ce que vous y envoyez et recevez, sur tous vos appareils, et le garde scellé pour le propriétaire de l’archive ; vos correspondants en sont informés là où le plan le dit. Votre téléphone le montre sous Paramètres > Appareils liés, où vous pouvez le retirer à tout moment : l’archive montre alors que rien ne vient plus.
agent-link-scan = Sur votre téléphone, ouvrez Signal, puis Paramètres > Appareils liés > Lier un nouvel appareil, et scannez le code ci-dessus. Un code vaut une minute environ ; un nouveau le suit. Son texte, s’il le faut : { $address }
agent-link-done = Lié : { $account }.
agent-link-captured = L’agent en marche le capte dès maintenant ; « greffe agent status » montre où il en est.
agent-link-start = Il est capté quand l’agent tourne : « greffe agent run ».
help-agent-link = Lier à cet agent un compte d’un réseau
help-agent-link-long = Montre un code à scanner avec votre téléphone, attend que ce soit fait, et ajoute le compte à agent.toml. Pour WhatsApp et Telegram, dit ce qu’il faut y saisir et regarde si le réseau s’ouvre. Pour Signal, signal-cli 0.14.5 ou plus récent et Java 25 doivent être dans le PATH, ou nommés par --set signal-cli=CHEMIN et --set java-home=DOSSIER.
help-agent-link-arg-folder = Le dossier de l’agent [par défaut : greffe-agent dans le dossier de données de cet utilisateur]
help-agent-link-arg-network = Le réseau : signal, whatsapp (Business Cloud API), telegram (bot professionnel)
help-agent-link-arg-custodian = Identifiant opaque de la personne dont c’est le compte
help-agent-link-arg-set = Un réglage du connecteur ; docs/networks.md en donne la liste par réseau
help-agent-link-arg-read = Ce que le connecteur peut lire outre son dossier et les programmes du système
signal-cli-missing = { $program } n’est pas là : il faut signal-cli à Greffe pour atteindre Signal. Installez-le depuis github.com/AsamK/signal-cli, ou nommez-le par le réglage signal-cli.
signal-cli-start = { $program } ne peut pas être lancé : { $detail }
signal-cli-ended = signal-cli s’est arrêté et est relancé : { $detail }
signal-cli-slow = signal-cli n’a pas commencé à servir ; il est relancé.
signal-cli-version = signal-cli se dit de version { $version }, que Greffe ne connaît pas.
signal-cli-old = signal-cli { $version } est trop ancien pour le service de Signal : des messages peuvent manquer. Installez 0.14.5 ou plus récent.
signal-cli-ages = signal-cli { $version } a { $days } jours. Signal ne sert plus les versions après 90 jours environ : installez l’actuelle maintenant.
signal-cli-expired = Le service de Signal ne sert plus ce signal-cli. Installez la version actuelle.
signal-java-missing = Il faut Java à signal-cli, et il n’y en a pas. Installez un environnement Java (version 25), ou nommez son dossier par le réglage java-home.
signal-java-old = L’environnement Java est trop ancien pour ce signal-cli. Installez la version 25, ou nommez son dossier par le réglage java-home.
signal-in-use = Un autre programme utilise le dossier de ce compte.
signal-unlinked = L’appareil n’est pas lié, ou a été retiré sur le téléphone. Liez-le de nouveau avec « greffe agent link signal ».
signal-link-unused = Aucun code n’a été scanné.
signal-link-failed = Signal n’a pas lié l’appareil : { $detail }
signal-journal = Le journal du connecteur ne peut pas servir : { $detail }
signal-journal-damaged = Des entrées du journal du connecteur ne sont pas lisibles : une perte est consignée.
signal-disk = Le disque ne prend rien ; signal-cli attend : { $detail }
signal-setting = Le réglage { $name } ne convient pas.
signal-no-fetch = Signal ne garde rien qui puisse être repris.
signal-send-failed = Le message n’a pas été envoyé : { $detail }
signal-notice-failed = Un avis n’a pas pu être donné ; il sera tenté de nouveau : { $detail }
signal-notice-again = Un avis est peut-être donné une seconde fois : après un arrêt brutal, on ne sait pas si le premier est parti. Son enregistrement le dit.
signal-unmodelled = Les événements de Signal ont du nouveau, gardé tel quel : { $path }

# Interfaces professionnelles des réseaux
agent-link-ask-app-secret = Clé secrète de l’app (Meta, Paramètres > Général) :{" "}
agent-link-ask-access-token = Jeton d’accès d’un utilisateur système (whatsapp_business_management, whatsapp_business_messaging) :{" "}
agent-link-ask-bot-token = Le jeton du bot, donné par BotFather :{" "}
agent-link-secret = Il manque le secret { $secret }.
agent-link-secret-next = Écrivez --secret { $secret }=FICHIER, ou lancez la commande dans un terminal, qui le demande.
agent-link-secret-unknown = { $secret } n’est pas un secret de ce connecteur ; il y a : { $known }
agent-link-secret-unknown-next = Les secrets se donnent par --secret NOM=FICHIER ; - est l’entrée standard.
agent-link-whatsapp-before = Greffe reçoit ce que la plateforme WhatsApp Business de Meta envoie pour un numéro de votre entreprise : messages et leurs états et, si le numéro sert aussi sur un téléphone, ce qui y est envoyé. Il ne voit ni les groupes de l’application, ni les médias à vue unique, ni rien d’avant la connexion du numéro sauf l’historique que Meta transmet. Votre entreprise doit informer ceux qui lui écrivent ; les conditions de Meta pour la plateforme s’appliquent. Il faut : la clé secrète de l’app, un jeton d’accès d’un utilisateur système, et l’identifiant du numéro (--set phone-number-id=…) ou celui du compte professionnel (--set business-account-id=…, tous ses numéros).
agent-link-whatsapp-enter = Saisissez maintenant ceci chez Meta (developers.facebook.com, votre app, WhatsApp > Configuration > Webhook > Modifier), pendant que l’agent tourne :
    URL de rappel : { $url }
    Jeton de vérification : { $token }
    Puis abonnez-vous aux champs messages, smb_message_echoes, history, smb_app_state_sync, calls, account_update.
    L’adresse doit mener ici depuis internet avec un certificat valable : par un mandataire vers le réglage listen (127.0.0.1:8480 si rien n’est dit), ou par --set tls-cert=FICHIER --set tls-key=FICHIER.
agent-link-whatsapp-address = Les points tiennent lieu du nom de votre serveur : --set public-url=https://… fait montrer ici l’adresse entière.
agent-link-telegram-before = Greffe lit en tant que bot professionnel : les discussions privées d’un compte Telegram que son titulaire ouvre au bot, nouveaux messages, modifications et suppressions. Il ne voit ni groupes, ni canaux, ni discussions secrètes, ni réactions, ni rien d’avant. Telegram montre le bot dans les paramètres du compte, où il peut être retiré à tout moment. Créez le bot avec BotFather (/newbot, puis Bot Settings > Business Mode) ; un bot sert un compte.
agent-link-telegram-connect = Sur le téléphone du compte, ouvrez Telegram, puis Paramètres > Telegram Business > Chatbots, saisissez { $bot }, choisissez les discussions et enregistrez. Greffe attend dix minutes environ.
whatsapp-setting = Le réglage { $name } manque ou ne convient pas.
whatsapp-start = Le connecteur ne peut pas démarrer : { $detail }
whatsapp-listen = Greffe ne peut pas écouter pour WhatsApp : { $detail }. Donnez le certificat (tls-cert, tls-key), ou écoutez sur la boucle locale derrière un mandataire.
whatsapp-inbox = La boîte de réception du connecteur ne peut pas servir : { $detail }
whatsapp-inbox-damaged = Un envoi dans la boîte du connecteur n’est pas lisible : une perte est consignée.
whatsapp-disk = Le disque ne prend rien ; Meta est prié de renvoyer : { $detail }
whatsapp-token = Meta refuse le jeton d’accès : les médias ne sont pas repris tant qu’il n’y en a pas d’autre. { $detail }
whatsapp-away = L’interface de Meta ne répond pas : { $detail }
whatsapp-rival = Autre chose reçoit les événements de ce compte : { $detail }
whatsapp-stranger = Meta envoie des événements du numéro { $detail }, qui n’est pas capté ici : ils ne sont pas gardés. Liez-le, et nommez son écoute par le réglage pass.{ $detail }.
whatsapp-not-passed = L’écoute { $detail } d’un autre numéro n’a pas pris ses événements ; Meta est prié de les renvoyer.
whatsapp-unreadable = Meta a envoyé quelque chose d’illisible : { $detail }
whatsapp-unlinked = Meta dit que le compte n’est plus : { $detail }. Plus rien n’est capté jusqu’à son retour.
whatsapp-file-missing = Un fichier n’a pas pu être obtenu : { $detail }
whatsapp-unmodelled = Les événements de WhatsApp ont du nouveau, gardé tel quel : { $detail }
whatsapp-no-sending = Ce connecteur n’envoie pas.
whatsapp-no-fetch = WhatsApp ne garde rien qui puisse être repris.
telegram-setting = Le réglage { $name } manque ou ne convient pas.
telegram-start = Le connecteur ne peut pas démarrer : { $detail }
telegram-listen = Greffe ne peut pas écouter pour Telegram : { $detail }. Donnez le certificat (tls-cert, tls-key), ou écoutez sur la boucle locale derrière un mandataire.
telegram-inbox = La boîte de réception du connecteur ne peut pas servir : { $detail }
telegram-inbox-damaged = Une mise à jour dans la boîte du connecteur n’est pas lisible : une perte est consignée.
telegram-disk = Le disque ne prend rien ; les mises à jour restent un jour chez Telegram : { $detail }
telegram-token = Telegram refuse le jeton du bot : { $detail }
telegram-away = Telegram ne répond pas : { $detail }
telegram-rival = Autre chose demande les mises à jour de ce bot, et un seul le peut : { $detail }
telegram-stranger = Quelqu’un d’autre ({ $detail }) a relié le bot à son compte : ses discussions ne sont pas gardées.
telegram-not-passed = Une autre écoute n’a pas pris ses mises à jour : { $detail }
telegram-unreadable = Telegram a envoyé quelque chose d’illisible : { $detail }
telegram-unlinked = Le bot a été détaché du compte : plus rien n’est capté jusqu’à ce qu’il soit relié.
telegram-file-missing = Un fichier n’a pas pu être obtenu : { $detail }
telegram-unmodelled = Les mises à jour de Telegram ont du nouveau, gardé tel quel : { $detail }
telegram-no-sending = Ce connecteur n’envoie pas.
telegram-no-fetch = L’interface des bots de Telegram ne garde rien qui puisse être repris.
telegram-no-business = Le bot { $bot } ne peut pas être relié à un compte professionnel. Activez Business Mode avec BotFather (Bot Settings).
telegram-link-unused = Personne n’a relié { $bot }.
help-agent-link-arg-secret = Un secret du connecteur, dans un fichier, ou - pour l’entrée standard ; demandé au terminal sinon : app-secret, access-token, verify-token (WhatsApp), bot-token, webhook-secret (Telegram)
