// All words of the pages on which an admin decides what an app asks for. A language is one
// table; what it lacks is said in English.

const en = {
  title: '{app} asks for a decision', top: 'A decision for an admin of {site}', by: 'by {publisher}', version: 'version {version}', unknown: 'its publisher is not known',
  development: '{environment}: its developer can change it at any time',
  mayEgress: 'may send data from this site to:', mayRemote: 'may send what users do and see here to its own service at:',
  any: 'ANY ADDRESS ON THE INTERNET', anyWhy: 'Nothing limits where data goes: any host, over https.', wild: 'every host whose name ends in {host}',
  private: 'in a private network of yours', plain: 'without encryption', before: 'until now', unset: 'not set until now', now: 'from now on', swap: 'What was kept for the old address, passwords and tokens too, is not sent to the new one.',
  FETCH_BACKEND_SIDE: 'Send and receive data on the server', FETCH_CLIENT_SIDE: 'Send and receive data from its pages', IMAGES: 'Show images', MEDIA: 'Play sound and video', FONTS: 'Load fonts', STYLES: 'Load styles, which change how its pages look',
  SCRIPTS: 'Run programs from there in its pages', FRAMES: 'Embed whole pages from there', NAVIGATION: 'Lead users there', remote: 'Call it in the name of users',
  scriptsWhy: 'They can do all that the app can do.', framesWhy: 'They can exchange data with the app.', stylesWhy: 'They can read what its pages show.', leaks: 'Loading something tells the host who asks for it: that, too, sends data.',
  broad: 'after a new sign-in', always: '{product} has each decision of this kind made in a window of its own, after you sign in again.',
  has: 'It may already reach', hasNone: 'Of this kind it may reach nothing yet.', message: 'Message from the app', messageNone: 'The app gives no reason.',
  allow: 'Allow', allowSome: 'Allow what is ticked', decline: 'Decline', step: 'Go on in a window', stepAgain: 'Open the window again', cancel: 'Close', block: 'Do not let this app ask again', gone: 'It will no longer reach',
  later: 'You can take this back at any time: Connected apps, {app}.', as: 'as {person}, on {product}',
  covered: 'Something covers this page. It can be allowed when all of it is in sight.', scroll: 'It can be allowed when you have seen the whole list.', rest: 'Show what you have not seen', seen: 'That was the whole list.', none: 'Nothing is ticked.', restless: 'Something in the page behind this one keeps taking the focus. It can be allowed when that stops.', wait: 'One moment …',
  waiting: 'The window is open. This page closes when you have decided there.', blockedWindow: 'The browser did not open the window. Allow windows of this page and press again.',
  startTitle: 'Confirm that it is you', startText: 'An app asks for something that reaches far. Before you see it and decide, {product} confirms that it is you, {person}. It may ask for your password.', startGo: 'Go on at {product}', startStop: 'If you did not come here from an app that you use, close this window.',
  done: 'Allowed', doneText: 'The app can go on. Close this window.', declined: 'Declined', declinedText: 'Nothing was changed. Close this window.', opener: 'This window was opened by a page that keeps a hold on it, so nothing can be decided here.',
  problem: 'This cannot be decided here', unreachable: 'The server does not answer.', nobody: 'The page did not say who is in front of it.', nobodyFix: 'Reload the page and try again.',
};
const de = {
  title: '{app} bittet um eine Entscheidung', top: 'Eine Entscheidung für Admins von {site}', by: 'von {publisher}', version: 'Version {version}', unknown: 'wer sie anbietet, ist nicht bekannt',
  development: '{environment}: ihre Entwickler können sie jederzeit ändern',
  mayEgress: 'darf Daten dieser Site senden an:', mayRemote: 'darf, was Personen hier tun und sehen, an ihren eigenen Dienst senden:',
  any: 'JEDE ADRESSE IM INTERNET', anyWhy: 'Nichts begrenzt, wohin Daten gehen: jeder Host, über https.', wild: 'jeder Host, dessen Name auf {host} endet',
  private: 'in einem privaten Netz von Ihnen', plain: 'unverschlüsselt', before: 'bisher', unset: 'bisher nicht gesetzt', now: 'ab jetzt', swap: 'Was für die alte Adresse aufbewahrt war, auch Passwörter und Tokens, wird nicht an die neue gesendet.',
  FETCH_BACKEND_SIDE: 'Auf dem Server Daten senden und empfangen', FETCH_CLIENT_SIDE: 'Aus ihren Seiten Daten senden und empfangen', IMAGES: 'Bilder zeigen', MEDIA: 'Ton und Video abspielen', FONTS: 'Schriften laden', STYLES: 'Formatierungen laden, die das Aussehen ihrer Seiten ändern',
  SCRIPTS: 'Programme von dort in ihren Seiten ausführen', FRAMES: 'Ganze Seiten von dort einbetten', NAVIGATION: 'Personen dorthin führen', remote: 'Ihn im Namen von Personen aufrufen',
  scriptsWhy: 'Sie können alles, was die App kann.', framesWhy: 'Sie können Daten mit der App austauschen.', stylesWhy: 'Sie können lesen, was die Seiten zeigen.', leaks: 'Wer etwas lädt, verrät dem Host, wer fragt: auch das sendet Daten.',
  broad: 'nach neuer Anmeldung', always: '{product} lässt solche Entscheidungen in einem eigenen Fenster treffen, nach erneuter Anmeldung.',
  has: 'Sie erreicht schon', hasNone: 'Von dieser Art erreicht sie noch nichts.', message: 'Nachricht der App', messageNone: 'Die App nennt keinen Grund.',
  allow: 'Erlauben', allowSome: 'Angekreuztes erlauben', decline: 'Ablehnen', step: 'In einem Fenster weiter', stepAgain: 'Fenster noch einmal öffnen', cancel: 'Schließen', block: 'Diese App soll nicht mehr fragen', gone: 'Nicht mehr erreicht sie',
  later: 'Sie können das jederzeit zurücknehmen: Verbundene Apps, {app}.', as: 'als {person}, auf {product}',
  covered: 'Etwas verdeckt diese Seite. Erlaubt werden kann, wenn sie ganz zu sehen ist.', scroll: 'Erlaubt werden kann, wenn Sie die ganze Liste gesehen haben.', rest: 'Zeigen, was noch nicht zu sehen war', seen: 'Das war die ganze Liste.', none: 'Nichts ist angekreuzt.', restless: 'Etwas in der Seite dahinter holt sich immer wieder den Fokus. Erlaubt werden kann, wenn das aufhört.', wait: 'Einen Moment …',
  waiting: 'Das Fenster ist offen. Diese Seite schließt sich, wenn Sie dort entschieden haben.', blockedWindow: 'Der Browser hat das Fenster nicht geöffnet. Erlauben Sie Fenster dieser Seite und versuchen Sie es noch einmal.',
  startTitle: 'Bestätigen Sie, dass Sie es sind', startText: 'Eine App bittet um etwas, das weit reicht. Bevor Sie es sehen und entscheiden, bestätigt {product}, dass Sie es sind, {person}. Vielleicht wird nach Ihrem Passwort gefragt.', startGo: 'Weiter bei {product}', startStop: 'Wenn Sie nicht von einer App kommen, die Sie benutzen, schließen Sie dieses Fenster.',
  done: 'Erlaubt', doneText: 'Die App kann weitermachen. Schließen Sie dieses Fenster.', declined: 'Abgelehnt', declinedText: 'Nichts wurde geändert. Schließen Sie dieses Fenster.', opener: 'Eine andere Seite hält dieses Fenster fest; hier kann nichts entschieden werden.',
  problem: 'Das kann hier nicht entschieden werden', unreachable: 'Der Server antwortet nicht.', nobody: 'Die Seite hat nicht gesagt, wer vor ihr sitzt.', nobodyFix: 'Laden Sie die Seite neu und versuchen Sie es noch einmal.',
};
const fr = {
  title: '{app} demande une décision', top: 'Une décision pour un administrateur de {site}', by: 'par {publisher}', version: 'version {version}', unknown: 'son éditeur n’est pas connu',
  development: '{environment} : ses développeurs peuvent la modifier à tout moment',
  mayEgress: 'peut envoyer des données de ce site à :', mayRemote: 'peut envoyer ce que les personnes font et voient ici à son propre service :',
  any: 'TOUTE ADRESSE SUR INTERNET', anyWhy: 'Rien ne limite où vont les données : tout hôte, en https.', wild: 'tout hôte dont le nom finit par {host}',
  private: 'dans un de vos réseaux privés', plain: 'sans chiffrement', before: 'jusqu’ici', unset: 'non défini jusqu’ici', now: 'désormais', swap: 'Ce qui était gardé pour l’ancienne adresse, mots de passe et jetons compris, n’est pas envoyé à la nouvelle.',
  FETCH_BACKEND_SIDE: 'Envoyer et recevoir des données sur le serveur', FETCH_CLIENT_SIDE: 'Envoyer et recevoir des données depuis ses pages', IMAGES: 'Montrer des images', MEDIA: 'Jouer du son et des vidéos', FONTS: 'Charger des polices', STYLES: 'Charger des styles, qui changent l’aspect de ses pages',
  SCRIPTS: 'Exécuter dans ses pages des programmes de là', FRAMES: 'Inclure des pages entières de là', NAVIGATION: 'Y conduire les personnes', remote: 'L’appeler au nom des personnes',
  scriptsWhy: 'Ils peuvent tout ce que peut l’application.', framesWhy: 'Elles peuvent échanger des données avec l’application.', stylesWhy: 'Ils peuvent lire ce que montrent ses pages.', leaks: 'Charger quelque chose dit à l’hôte qui le demande : cela aussi envoie des données.',
  broad: 'après une nouvelle connexion', always: '{product} fait prendre ces décisions dans une fenêtre à part, après une nouvelle connexion.',
  has: 'Elle peut déjà joindre', hasNone: 'De ce genre, elle ne peut encore rien joindre.', message: 'Message de l’application', messageNone: 'L’application ne donne pas de raison.',
  allow: 'Autoriser', allowSome: 'Autoriser ce qui est coché', decline: 'Refuser', step: 'Continuer dans une fenêtre', stepAgain: 'Rouvrir la fenêtre', cancel: 'Fermer', block: 'Que cette application ne demande plus', gone: 'Elle ne joindra plus',
  later: 'Vous pouvez revenir dessus à tout moment : Applications connectées, {app}.', as: 'en tant que {person}, sur {product}',
  covered: 'Quelque chose couvre cette page. On peut autoriser quand elle est entièrement visible.', scroll: 'On peut autoriser quand vous avez vu toute la liste.', rest: 'Montrer ce que vous n’avez pas vu', seen: 'C’était toute la liste.', none: 'Rien n’est coché.', restless: 'Quelque chose dans la page derrière reprend sans cesse le focus. On peut autoriser quand cela cesse.', wait: 'Un instant …',
  waiting: 'La fenêtre est ouverte. Cette page se ferme quand vous y aurez décidé.', blockedWindow: 'Le navigateur n’a pas ouvert la fenêtre. Autorisez les fenêtres de cette page et recommencez.',
  startTitle: 'Confirmez que c’est vous', startText: 'Une application demande quelque chose qui va loin. Avant que vous le voyiez et décidiez, {product} confirme que c’est vous, {person}. Votre mot de passe peut être demandé.', startGo: 'Continuer chez {product}', startStop: 'Si vous ne venez pas d’une application que vous utilisez, fermez cette fenêtre.',
  done: 'Autorisé', doneText: 'L’application peut continuer. Fermez cette fenêtre.', declined: 'Refusé', declinedText: 'Rien n’a changé. Fermez cette fenêtre.', opener: 'Une autre page garde une prise sur cette fenêtre ; rien ne peut être décidé ici.',
  problem: 'Cela ne peut pas être décidé ici', unreachable: 'Le serveur ne répond pas.', nobody: 'La page n’a pas dit qui est devant elle.', nobodyFix: 'Rechargez la page et recommencez.',
};

const all = { en, de, fr };
let now = en;

/** speak takes the language of whoever decides. */
export function speak(locale) {
  const language = String(locale ?? 'en').split('-')[0].toLowerCase();
  now = Object.hasOwn(all, language) ? all[language] : en;
  document.documentElement.lang = now === en ? 'en' : language;
}

/** say gives a text with its names put in. */
export const say = (key, names = {}) => (now[key] ?? en[key] ?? key).replace(/\{(\w+)\}/g, (_, n) => names[n] ?? '');
