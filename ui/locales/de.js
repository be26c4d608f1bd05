// @ts-check
/** @import {Table} from "../logic/phrases.js" */
import finding from "./finding/de.js";
import pictures from "./pictures/de.js";

/** @type {Table} */
export default {
  "app.loading": "Lanline wird geöffnet …",
  "app.fatal.title": "Lanline kann nicht starten",
  "app.fatal.retry": "Noch einmal versuchen",
  "app.absent":
    "Diese Seite gehört in die Lanline-App: allein im Browser hat sie kein Gerät, mit dem sie sprechen kann.",
  "app.skip": "Zur Unterhaltung springen",
  "app.title.unread": "({count}) Lanline",

  "first.title": "Willkommen bei Lanline",
  "first.lead": "Nachrichten zwischen den Geräten in Ihrem eigenen Netz. Ohne Internet, ohne Konto.",
  "first.name": "Ihr Name",
  "first.name.help": "Ihn sehen alle, mit denen Sie schreiben. Sie können ihn später ändern.",
  "first.save": "Weiter",

  "action.close": "Schließen",
  "action.cancel": "Abbrechen",
  "action.copied": "Kopiert",
  "action.copy.failed": "Kopieren ging nicht. Markieren Sie den Text und kopieren Sie ihn von Hand.",
  "action.save": "Speichern",
  "action.saved": "Gespeichert",
  "action.retry": "Noch einmal versuchen",
  "action.back": "Zurück zu den Räumen",

  "device.this": "Dieses Gerät",
  "device.title": "Dieses Gerät",
  "device.name": "Name",
  "device.name.help": "Ihn sehen alle, mit denen Sie schreiben.",
  "device.id": "Gerätekennung",
  "device.id.copy": "Gerätekennung kopieren",
  "device.key.key_store": "Ihr geheimer Schlüssel liegt im Schlüsselspeicher dieses Systems.",
  "device.key.file": "Ihr geheimer Schlüssel liegt in einer Datei, die auf diesem Computer nur Sie lesen können.",
  "device.addresses": "Adressen",
  "device.addresses.none": "Keine, solange der Server angehalten ist.",
  "device.peers": "Verbundene Geräte",
  "device.peers.none": "Kein Gerät ist verbunden.",
  "device.peer.in": "hat sich mit diesem Gerät verbunden",
  "device.peer.out": "von diesem Gerät aus verbunden",
  "device.disconnect": "Trennen",
  "device.disconnect.named": "{name} trennen",
  "device.connect": "Mit einer Adresse verbinden",
  "device.connect.help":
    "Lanline verbindet sich von selbst wieder. Das hier hilft, wenn ein Gerät eine neue Adresse hat.",
  "device.connect.placeholder": "192.168.1.20:12345",
  "device.connect.submit": "Verbinden",
  "device.connect.busy": "Verbindung wird aufgebaut … das dauert bis zu zehn Sekunden.",
  "device.connect.done": "Verbunden.",
  "device.tellRead": "Anderen mitteilen, was Sie gelesen haben",
  "device.tellRead.help":
    "Solange dies aus ist, sehen andere nur, dass Nachrichten dieses Gerät erreicht haben. Was ihnen schon mitgeteilt wurde, bleibt; was Sie inzwischen lesen, erfahren sie, sobald es wieder an ist.",
  "device.version": "Lanline {version}, Protokoll {protocol}",

  "export.open": "Dieses Gerät exportieren …",
  "export.title": "Dieses Gerät exportieren",
  "export.lead":
    "Eine verschlüsselte Datei mit dem Schlüssel und den Räumen dieses Geräts: um auf einem anderen Computer weiterzumachen oder falls dieser verloren geht.",
  "export.path": "Neue Datei",
  "export.path.help": "Der volle Pfad auf diesem Computer. Dort darf noch nichts sein.",
  "export.path.placeholder": "/home/ich/lanline.export",
  "export.passphrase": "Passphrase",
  "export.passphrase.help":
    "Eine Handvoll Wörter. Ohne sie öffnet niemand die Datei, und niemand kann sie Ihnen noch einmal sagen.",
  "export.again": "Die Passphrase noch einmal",
  "export.short": "Das ist kurz: Wer die Datei bekommt, kann viele davon ausprobieren.",
  "export.differs": "Die beiden Passphrasen sind nicht gleich. Geben Sie sie noch einmal ein.",
  "export.submit": "Exportieren",
  "export.done": "Geschrieben nach {path}.",
  "import.open": "Ich habe Lanline auf einem anderen Computer",
  "import.path": "Exportierte Datei",
  "import.help":
    "Der volle Pfad auf diesem Computer. Dieses Gerät wird zu dem in der Datei: Benutzen Sie es von da an nur auf einem Computer.",
  "import.submit": "Importieren",

  "server.running": "Server läuft",
  "server.stopped": "Server angehalten",
  "server.stopped.help": "Niemand kann sich mit diesem Gerät verbinden.",
  "server.start": "Server starten",
  "server.start.any": "Anderen freien Port nehmen",
  "server.stop": "Anhalten",
  "server.stop.label": "Server anhalten",
  "server.copy": "Adresse kopieren",
  "server.more": "+{count} weitere",
  "server.noAddress": "Kein Netz: verbinden Sie dieses Gerät mit einem.",

  "peers.none": "Niemand verbunden",
  "peers.count": { one: "{count} Gerät verbunden", other: "{count} Geräte verbunden" },
  "peers.connected": "{name} ist verbunden.",
  "peers.disconnected": "{name} ist getrennt.",
  "peers.disconnected.reason": "{name} ist getrennt: {reason}.",

  "reason.goodbye": "es hat sich verabschiedet",
  "reason.silent": "zu lange war nichts zu hören; ausgeschaltet, im Schlaf oder nicht mehr im Netz",
  "reason.stalled": "es antwortet nicht mehr",
  "reason.reset": "die Verbindung ist abgebrochen",
  "reason.frame_too_large": "es wurde mehr auf einmal gesendet als erlaubt",
  "reason.bad_frame": "es wurde etwas gesendet, das nicht Lanlines Protokoll ist",
  "reason.replaced": "eine neuere Verbindung sollte übernehmen und kam nicht zustande",
  "reason.shutdown": "Lanline wurde geschlossen",
  "reason.server_stopped": "der Server wurde angehalten",
  "reason.read_only": "auf einem der beiden Geräte kann nichts gespeichert werden",
  "reason.renewed":
    "die Daten eines der beiden wurden aus einer Kopie wiederhergestellt; es verbindet sich von selbst wieder",
  "reason.stranger": "Sie haben keinen gemeinsamen Raum",
  "reason.removed": "Sie sind in keinem Raum mehr zusammen",
  "reason.evicted": "es waren zu viele Verbindungen",
  "reason.network_changed": "dieses Gerät ist jetzt in einem anderen Netz und verbindet sich von selbst wieder",
  "reason.surplus": "es ist stattdessen mit anderen aus dem Raum verbunden",
  "reason.disconnected": "jemand hat die Verbindung getrennt",
  "reason.other": "aus einem Grund, den diese Version von Lanline nicht kennt",

  "store.read_only":
    "Nichts kann gespeichert werden: Lanline ist schreibgeschützt. Sie können lesen, aber nichts senden oder empfangen.",
  "store.failed":
    "Lanlines Speicher ist ausgefallen. Was auf der Platte steht, bleibt; schließen Sie Lanline und öffnen Sie es wieder.",
  "store.reason": "Grund: {reason}",

  "notice.damaged": {
    one: "Der Datenträger hat {count} Nachricht oder Änderung in {room} beschädigt. Sie wird von den anderen Mitgliedern geholt.",
    other:
      "Der Datenträger hat {count} Nachrichten oder Änderungen in {room} beschädigt. Sie werden von den anderen Mitgliedern geholt.",
  },
  "notice.repaired": {
    one: "{count} beschädigte Nachricht oder Änderung in {room} ist wieder da.",
    other: "{count} beschädigte Nachrichten oder Änderungen in {room} sind wieder da.",
  },
  "notice.renewed":
    "Die Daten dieses Geräts sind eine ältere Kopie. Was danach kam, kommt von den anderen zurück.",
  "notice.forked":
    "Ein Gerät hat in {room} zugleich Verschiedenes gesagt: Seine Daten wurden womöglich kopiert. Alles wird gezeigt.",
  "notice.frozen":
    "Das Gerät, das {room} besitzt, hat den Raum zugleich auf zwei Arten geändert: Seine Daten wurden womöglich kopiert. Was es ändert, zählt nicht mehr, bis die Mitglieder abgestimmt haben, wer den Raum besitzt.",
  "notice.slowed":
    "{name} hat auf einmal so viel geschrieben, dass der Rest langsam angenommen wird, damit Platz auf dem Datenträger bleibt. Wer einen Raum besitzt, kann Mitglieder entfernen.",
  "notice.identity_changed":
    "Wo {name} war, antwortet ein anderes Gerät, und ihm wurde nichts gesendet. Fragen Sie bei {name} nach, was sich geändert hat, und verbinden Sie sich dann unter Dieses Gerät mit der richtigen Adresse. Lanline sieht dort von Zeit zu Zeit wieder nach {name}.",
  "notice.opinions_lost":
    "Der Datenträger hat beschädigt, was Sie von anderen Geräten gesagt hatten, etwa ihre Namen hier und wer blockiert ist. Sehen Sie unter Dieses Gerät bei Bekannte Geräte nach, und sagen Sie es noch einmal.",
  "notice.dismiss": "Ausblenden",
  "notice.more": { one: "{count} weiterer", other: "{count} weitere" },
  "notice.fewer": "Weniger",

  "rooms.title": "Räume",
  "rooms.create": "Neuer Raum",
  "rooms.join": "Beitreten",
  "rooms.join.label": "Mit Link oder Code beitreten",
  "rooms.unread": { one: "{count} ungelesene Nachricht", other: "{count} ungelesene Nachrichten" },
  "rooms.empty": "Noch keine Nachrichten",
  "rooms.last.you": "Sie: {text}",
  "rooms.last.other": "{name}: {text}",
  "rooms.unsent": "Eine Nachricht konnte nicht gesendet werden",

  "empty.title": "Starten Sie einen Server, oder treten Sie mit Link oder Code bei",
  "empty.lead": "Ein Raum ist eine Unterhaltung zwischen Geräten. So öffnen Sie den ersten:",
  "empty.host": "Andere einladen",
  "empty.host.text": "Server starten, einen Raum anlegen und seinen Link oder einen Code weitergeben.",
  "empty.readOnly": "Einen Raum können Sie öffnen, sobald Lanline wieder speichern kann.",
  "empty.guest": "Anderen beitreten",
  "empty.guest.text": "Sie haben einen Link bekommen oder sehen einen Code? Geben Sie ihn hier ein.",
  "empty.pick.title": "Wählen Sie einen Raum",
  "empty.pick.lead": "Seine Unterhaltung öffnet sich hier.",

  "create.title": "Neuer Raum",
  "create.name": "Name des Raums",
  "create.submit": "Raum anlegen",

  "join.title": "Einem Raum beitreten",
  "join.link": "Link",
  "join.help":
    "Fügen Sie den Link ein, den Sie bekommen haben. Das Gerät, das ihn gemacht hat, oder ein anderes aus dem Raum muss erreichbar sein.",
  "join.way": "Womit Sie beitreten",
  "join.code": "Code",
  "join.code.help": "Sechs Ziffern, die das andere Gerät beim Einladen zeigt.",
  "join.address": "Adresse",
  "join.address.help": "Steht dort unter dem Code.",
  "join.submit": "Beitreten",
  "join.busy": "Beitritt läuft … das dauert bis zu zwanzig Sekunden.",
  "join.done": "Sie sind {name} beigetreten.",
  "join.pending": "{name}: wer den Raum besitzt, muss Sie noch hereinlassen.",

  "join.question": "Diesem Raum beitreten?",
  "join.question.room": "Sie haben eine Einladung geöffnet, gültig bis {until}. Wie der Raum heißt, sagt sie nicht.",
  "join.question.known": "Sie haben eine Einladung zu {name} geöffnet, gültig bis {until}.",
  "join.question.hosts": {
    one: "Dieses Gerät lässt Sie herein:",
    other: "Eines dieser Geräte lässt Sie herein:",
  },
  "join.question.care":
    "Wer beitritt, verbindet sich damit und nennt seinen Namen. Treten Sie nur bei, wenn Sie wissen, wer Ihnen den Link geschickt hat.",
  "join.more": "+{count} weitere",
  "join.refuse": "Nicht beitreten",
  "link.waiting": "Sie haben einen Link geöffnet. Sie werden dazu gefragt, wenn Sie hier fertig sind.",

  "invite.title": "Zu {name} einladen",
  "invite.open": "Einladen",
  "invite.stopped": "Eine Einladung braucht den Server dieses Geräts: wer dem Link folgt, verbindet sich mit ihm.",
  "invite.uses": "Für wie viele",
  "invite.uses.option": { one: "{count} Person", other: "{count} Personen" },
  "invite.ttl": "Gültig",
  "invite.ttl.hours": { one: "{count} Stunde", other: "{count} Stunden" },
  "invite.ttl.days": { one: "{count} Tag", other: "{count} Tage" },
  "invite.create": "Link erzeugen",
  "invite.again": "Weiteren Link erzeugen",
  "invite.link": "Link",
  "invite.qr": "Der Link als QR-Code",
  "invite.copy": "Link kopieren",
  "invite.terms": {
    one: "Lässt {count} Person herein, bis {until}. Geben Sie ihn nur ihr: wer ihn hat, kann beitreten.",
    other: "Lässt {count} Personen herein, bis {until}. Geben Sie ihn nur ihnen: wer ihn hat, kann beitreten.",
  },

  "invite.code.title": "Oder mit einem Code",
  "invite.code.help": "Auf dem anderen Gerät: {join}, dann {code}.",
  "invite.code.more": "oder {address}",
  "invite.code.left": "Gilt für einen Versuch. Verbleibende Zeit: {left}",
  "invite.code.spoken": "Code: {digits}",
  "invite.code.over.time": "Die Zeit des Codes ist um.",
  "invite.code.over.used": "Jemand hat diesen Code benutzt.",
  "invite.code.over.usedUp":
    "Jemand hat diesen Code benutzt. Für eine weitere Person erzeugen Sie einen weiteren Link.",
  "invite.code.over.wrong":
    "Jemand hat einen falschen Code eingegeben, und damit gilt dieser nicht mehr. War es nicht die Person, die Sie einladen? Dann rät womöglich jemand.",
  "invite.code.over.guessed":
    "Es wird kein Code gezeigt: Fünf falsche wurden innerhalb einer Stunde eingegeben, womöglich rät jemand. Der Link und sein Bild lassen sich nicht erraten. Zeigen Sie nur dann einen Code, wenn Sie wissen, wer sich vertippt hat.",
  "invite.code.over.missed":
    "Dieser Code gilt nicht mehr. Jemand hat ihn womöglich benutzt oder einen falschen eingegeben.",
  "invite.code.again": "Anderen Code zeigen",
  "invite.code.knowingly": "Trotzdem einen Code zeigen",

  "people.title": "Personen in {name}",
  "people.open": "Personen",
  "people.summary": "{members}, {online}",
  "people.members": { one: "{count} Person", other: "{count} Personen" },
  "people.online": { one: "{count} verbunden", other: "{count} verbunden" },
  "people.online.none": "niemand verbunden",
  "people.alone": "Nur Sie",
  "people.you": "Sie",
  "people.role.owner": "besitzt den Raum",
  "people.role.pending": "noch nicht hereingelassen",
  "people.voteless": "noch ohne Stimme",
  "people.voteless.you":
    "Sie können hier noch nicht abstimmen: ein anderes Mitglied hat Sie hereingelassen. Wer den Raum besitzt, kann Ihnen eine Stimme geben.",
  "people.state.online": "mit diesem Gerät verbunden",
  "people.state.offline": "nicht mit diesem Gerät verbunden",
  "people.state.seen": "nicht mit diesem Gerät verbunden, zuletzt {at}",
  "people.more": "Was Sie mit {name} tun können",
  "people.about": "{label}: {name}",
  "people.admit": "Hereinlassen",
  "people.giveVote": "Stimme geben",
  "people.handOver": "Raum übergeben …",
  "people.propose.owner": "Zur Übernahme vorschlagen …",
  "people.propose.owner.self": "Sich selbst zur Übernahme vorschlagen …",
  "people.propose.removal": "Entfernen vorschlagen …",
  "people.remove": "Entfernen …",
  "people.remove.submit": "Entfernen",
  "people.remove.title": "{name} entfernen?",
  "people.remove.text":
    "{name} kann nicht mehr lesen, was von nun an geschrieben wird, und behält, was bisher ankam. Zurück geht es nur mit einer neuen Einladung.",
  "people.leave": "Raum verlassen",
  "people.leave.title": "{name} verlassen?",
  "people.leave.text":
    "Sie erhalten nicht mehr, was hier geschrieben wird. Was Sie erhalten haben, bleibt auf diesem Gerät. Zurück geht es nur mit einer neuen Einladung.",
  "people.leave.owner":
    "Sie besitzen diesen Raum. Übergeben Sie ihn, bevor Sie gehen, sonst müssen seine Mitglieder abstimmen, wer ihn besitzt.",

  "devices.open": "Bekannte Geräte",
  "devices.title": "Bekannte Geräte",
  "devices.lead":
    "Geräte, denen dieses in einem Raum begegnet ist. Was Sie hier wählen, gilt nur auf diesem Gerät und wird niemandem mitgeteilt.",
  "devices.none": "Dieses Gerät ist noch keinem anderen begegnet.",
  "devices.own": "Nennt sich selbst {name}.",
  "devices.verified.link": "Überprüft durch den Link einer Einladung, {at}",
  "devices.verified.code": "Überprüft durch einen Code, {at}",
  "devices.verified.compared": "Überprüft durch Vergleichen, {at}",
  "devices.verified.no":
    "Nicht überprüft. Vergleichen Sie, um sicher zu sein, wer es ist.",
  "devices.tag.compared": "verglichen",
  "devices.blocked": "blockiert",
  "devices.blocked.help":
    "Dieses Gerät verbindet sich nicht mit einem blockierten und lässt es nicht ein. Was es in gemeinsamen Räumen sagt, kommt weiterhin über andere.",
  "devices.compare": "Vergleichen",
  "devices.rename": "Umbenennen …",
  "devices.rename.title": "Wie {name} heißen soll",
  "devices.rename.help": "Nur auf diesem Gerät. Leer gilt der Name, den das Gerät sich selbst gab.",
  "devices.block": "Blockieren …",
  "devices.block.title": "{name} blockieren?",
  "devices.block.text": "Damit auch nicht mehr ankommt, was es sagt, muss es aus dem Raum entfernt werden.",
  "devices.block.submit": "Blockieren",
  "devices.unblock": "Nicht mehr blockieren",
  "devices.forget": "Vergessen …",
  "devices.forget.title": "{name} vergessen?",
  "devices.forget.text":
    "Vergessen werden sein Name hier, ob es überprüft oder blockiert ist, und wo es war. In einem gemeinsamen Raum begegnet es Ihnen wieder, als nicht überprüftes Gerät.",
  "devices.forget.submit": "Vergessen",

  "compare.title": "Mit {name} vergleichen",
  "compare.lead":
    "Fragen Sie {name}, in Sichtweite oder am Telefon, welche Bilder dort zu sehen sind. Sind alle sieben gleich, in derselben Reihenfolge?",
  "compare.pictures": "Bilder zum Vergleichen",
  "compare.same": "Sie sind gleich",
  "compare.differ": "Sie unterscheiden sich",
  "compare.over.same": "{name} ist überprüft: niemand steht zwischen den beiden Geräten.",
  "compare.over.differ":
    "Sie sehen etwas anderes als {name}: jemand steht vielleicht zwischen den beiden Geräten. Das Gerät ist nicht überprüft.",
  "compare.over.they_differ":
    "Bei {name} ist etwas anderes zu sehen: jemand steht vielleicht zwischen den beiden Geräten. Das Gerät ist nicht überprüft.",
  "compare.over.time_over": "Die zwei Minuten sind um. Vergleichen Sie noch einmal, wenn Sie beide bereit sind.",
  "compare.over.gone":
    "Die Verbindung zu {name} ist abgebrochen. Vergleichen Sie noch einmal, sobald sie wieder steht.",
  "compare.over.broken":
    "{name} oder jemand dazwischen hat versucht, die Bilder zu bestimmen. Das Gerät ist nicht überprüft.",
  "compare.over.withdrawn": "{name} hat den Vergleich beendet. Vergleichen Sie noch einmal, wenn es passt.",
  "compare.ended": "Der Vergleich ist vorbei. Vergleichen Sie noch einmal, wenn Sie beide bereit sind.",
  "compare.late": "Wenn dort etwas anderes zu sehen war, sagen Sie es trotzdem.",
  "compare.danger":
    "Senden Sie ihm nichts Geheimes. Fragen Sie persönlich nach, was nicht stimmt, und vergleichen Sie noch einmal in einem anderen Netz.",

  ...pictures,
  ...finding,

  "hand.title": "Den Raum an {name} übergeben?",
  "hand.text":
    "{name} besitzt dann den Raum und entscheidet, wer dazugehört: lässt herein, entfernt und kann den Raum weitergeben.",
  "hand.back":
    "Sie bleiben Mitglied. Zurückgeben kann Ihnen den Raum nur {name} oder eine Abstimmung der Mitglieder.",
  "hand.submit": "Übergeben",

  "votes.title": "Abstimmungen",
  "votes.agree": "Zustimmen",
  "votes.you": "Sie",
  "votes.others": { one: "{count} weitere Person", other: "{count} weitere" },
  "votes.owner": {
    one: "{names} möchte, dass {name} den Raum besitzt.",
    other: "{names} möchten, dass {name} den Raum besitzt.",
  },
  "votes.owner.you": {
    one: "{names} möchte, dass Sie den Raum besitzen.",
    other: "{names} möchten, dass Sie den Raum besitzen.",
  },
  "votes.owner.self": "Sie möchten, dass {name} den Raum besitzt.",
  "votes.owner.self.you": "Sie möchten den Raum besitzen.",
  "votes.remove": { one: "{names} möchte {name} entfernen.", other: "{names} möchten {name} entfernen." },
  "votes.remove.you": { one: "{names} möchte Sie entfernen.", other: "{names} möchten Sie entfernen." },
  "votes.remove.self": "Sie möchten {name} entfernen.",
  "votes.count": { one: "{votes} von {count} nötigen Stimme", other: "{votes} von {count} nötigen Stimmen" },

  "vote.owner": "Soll {name} den Raum besitzen?",
  "vote.owner.you": "Den Raum besitzen?",
  "vote.owner.text":
    "Wer den Raum besitzt, entscheidet, wer dazugehört: lässt herein, entfernt und kann den Raum weitergeben.",
  "vote.owner.instead":
    "Wer den Raum besitzt, entscheidet, wer dazugehört: lässt herein, entfernt und kann den Raum weitergeben. {owner} besitzt ihn jetzt und bleibt Mitglied.",
  "vote.others": {
    one: "Es geschieht, sobald {count} weiteres Mitglied zustimmt.",
    other: "Es geschieht, sobald {count} weitere Mitglieder zustimmen.",
  },
  "vote.last": "Mit Ihrer Stimme ist es getan.",
  "vote.final": "Eine Stimme lässt sich nicht zurücknehmen.",
  "vote.propose": "Vorschlagen",
  "vote.told": {
    one: "Sie haben abgestimmt: {votes} von {count} nötigen Stimme.",
    other: "Sie haben abgestimmt: {votes} von {count} nötigen Stimmen.",
  },
  "vote.done": "Sie haben abgestimmt, und es ist getan.",

  "decide.votes": {
    one: "{count} Abstimmung wartet auf Sie.",
    other: "{count} Abstimmungen warten auf Sie.",
  },
  "decide.vote": "Abstimmen …",
  "decide.admit": "{name} wartet darauf, hereingelassen zu werden.",
  "decide.admit.many": {
    one: "{count} Person wartet darauf, hereingelassen zu werden.",
    other: "{count} Personen warten darauf, hereingelassen zu werden.",
  },
  "decide.look": "Ansehen",

  "room.log": "Nachrichten in {name}",
  "room.loading": "Nachrichten werden geladen …",
  "room.older": "Ältere Nachrichten werden geladen …",
  "room.begin": "Hier beginnt der Raum.",
  "room.alone": "Noch ist niemand sonst hier. Laden Sie jemanden ein.",
  "room.newest": "Neueste Nachrichten",
  "room.newest.count": { one: "{count} neue Nachricht", other: "{count} neue Nachrichten" },
  "room.above": { one: "{count} neue Nachricht weiter oben", other: "{count} neue Nachrichten weiter oben" },
  "room.said": "{name}: {text}",
  "room.unread": "Neue Nachrichten",
  "room.notice.apart":
    "Niemand aus diesem Raum ist mit diesem Gerät verbunden. Nachrichten warten hier und gehen hinaus, sobald sich jemand verbindet.",
  "room.notice.gone":
    "Sie sind nicht mehr in diesem Raum. Sie können lesen, was dieses Gerät hat, aber nicht schreiben.",
  "room.notice.pending": "Wer den Raum besitzt, muss Sie noch hereinlassen. Bis dahin können Sie nicht schreiben.",

  "message.you": "Sie",
  "message.at": "{name}, {at}",
  "message.reply": "Antworten",
  "message.reply.named": "{name} antworten",
  "message.details": "Einzelheiten",
  "message.edited": "bearbeitet",
  "message.deleted": "Diese Nachricht wurde gelöscht.",
  "message.erased": "Der Text dieser Nachricht wurde entfernt.",
  "message.missing":
    "Der Text dieser Nachricht ist nicht auf diesem Gerät.",
  "message.forked":
    "Von {name} gibt es zwei verschiedene Verläufe. Alles, was ankam, wird gezeigt.",
  "message.quote.unknown": "Eine frühere Nachricht",
  "message.quote": "Antwort an: ",
  "message.status.queued": "Wartet",
  "message.status.stored": "Von einem anderen Gerät gespeichert",
  "message.status.delivered": "An alle zugestellt",
  "message.status.read": "Von allen gelesen",

  "outgoing.sending": "Wird gesendet …",
  "outgoing.failed": "Nicht gesendet",
  "outgoing.told": "Nicht gesendet: {reason}",
  "outgoing.edit": "Bearbeiten",

  "system.room_created": "{name} hat den Raum angelegt",
  "system.member_added": "{name} hat jemanden hinzugefügt",
  "system.member_added.whom": "{name} hat {whom} hinzugefügt",
  "system.member_removed": "{name} hat jemanden entfernt",
  "system.member_removed.whom": "{name} hat {whom} entfernt",
  "system.member_removed.majority": "Die Mitglieder haben dafür gestimmt, {whom} zu entfernen",
  "system.member_left": "{name} ist gegangen",
  "system.role_changed": "{name} hat geändert, wer den Raum besitzt",
  "system.role_changed.whom": "{name} hat den Raum {whom} übergeben",
  "system.role_changed.majority": "Die Mitglieder haben dafür gestimmt, dass {whom} den Raum besitzt",
  "system.unknown": "{name} hat etwas gesendet, das eine neuere Version von Lanline braucht",

  "composer.label": "Nachricht an {name}",
  "composer.placeholder": "Nachricht",
  "composer.send": "Senden",
  "composer.replying": "Antwort an {name}",
  "composer.reply.cancel": "Nicht auf diese Nachricht antworten",
  "composer.hint": "Eingabe sendet, Umschalt+Eingabe beginnt eine neue Zeile.",

  "receipts.title": "Einzelheiten der Nachricht",
  "receipts.sent": "Gesendet {at}",
  "receipts.none": "Noch nicht bestätigt",
  "receipts.stored": "Gespeichert",
  "receipts.delivered": "Zugestellt",
  "receipts.read": "Gelesen",
  "receipts.nobody": "Sonst ist niemand im Raum.",
  "receipts.legend.queued": "Wartet: auf diesem Gerät gespeichert, von niemandem sonst bestätigt.",
  "receipts.legend.stored": "Gespeichert: jenes Gerät hat bestätigt, dass es die Nachricht hat.",
  "receipts.legend.delivered": "Zugestellt: das Gerät dieses Mitglieds hat es unterschrieben bestätigt.",
  "receipts.legend.read": "Gelesen: sie stand dort auf dem Bildschirm, von jenem Gerät unterschrieben.",
};
