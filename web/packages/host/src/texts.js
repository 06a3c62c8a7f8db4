// The shell's own words.

const en = {
  loading: 'Loading {title}', slow: 'This is taking long.', reload: 'Try again', none: 'No apps here.', apps: 'Apps: {titles}', by: 'by {app}',
  blocked: 'Whether it may run here is for an admin of this site to decide.', blockedTitle: '{title} is blocked by your admin', failed: '{title} cannot be shown', failedText: 'The app did not answer.',
  ended: 'This page was open for a while.', endedFix: 'Reload the page to go on.', browser: 'This browser does not enforce the rules that keep the app in its place, so its page is not shown.',
  consentTitle: '{app} asks to act as you', consentText: 'It wants to do something in your name. You see what, and decide, in a window of its own.', review: 'Review', connectTitle: '{app} asks to use your account of {name}', connectText: 'You connect it at {name} itself, in a window of its own. The app uses it and never sees its password or token.', connect: 'Connect {name}', later: 'Not now',
  waiting: 'Waiting for your decision in the other window.', again: 'I have decided', close: 'Close', dismiss: 'Dismiss', linkTitle: 'Leave for another site?', linkText: '{app} wants to open a page of',
  linkWhole: 'The whole address', linkGo: 'Open {host}', cancel: 'Stay here', actions: 'Actions of apps', development: 'its developer can change it at any time', error: 'Something went wrong', app: 'App', asks: '{app} asks for a decision', cut: 'No connection. What you enter is kept, and sent when it is back.',
};
const de = {
  loading: '{title} wird geladen', slow: 'Das dauert lange.', reload: 'Noch einmal versuchen', none: 'Hier gibt es keine Apps.', apps: 'Apps: {titles}', by: 'von {app}',
  blocked: 'Ob sie hier laufen darf, entscheidet ein Admin dieser Site.', blockedTitle: '{title} ist von Ihrem Admin gesperrt', failed: '{title} kann nicht gezeigt werden', failedText: 'Die App hat nicht geantwortet.',
  ended: 'Diese Seite war eine Weile offen.', endedFix: 'Laden Sie die Seite neu, um fortzufahren.', browser: 'Dieser Browser setzt die Regeln nicht durch, die die App an ihrem Platz halten; ihre Seite wird nicht gezeigt.',
  consentTitle: '{app} möchte für Sie handeln', consentText: 'Die App möchte etwas in Ihrem Namen tun. Was, sehen und entscheiden Sie in einem eigenen Fenster.', review: 'Ansehen', connectTitle: '{app} möchte Ihr Konto bei {name} verwenden', connectText: 'Sie verbinden es bei {name} selbst, in einem eigenen Fenster. Die App verwendet es und sieht weder Passwort noch Token.', connect: '{name} verbinden', later: 'Nicht jetzt',
  waiting: 'Ihre Entscheidung im anderen Fenster steht noch aus.', again: 'Ich habe entschieden', close: 'Schließen', dismiss: 'Ausblenden', linkTitle: 'Zu einer anderen Website?', linkText: '{app} möchte eine Seite öffnen von',
  linkWhole: 'Die ganze Adresse', linkGo: '{host} öffnen', cancel: 'Hier bleiben', actions: 'Aktionen von Apps', development: 'ihre Entwickler können sie jederzeit ändern', error: 'Etwas ist schiefgegangen', app: 'App', asks: '{app} bittet um eine Entscheidung', cut: 'Keine Verbindung. Ihre Eingaben bleiben erhalten und werden danach gesendet.',
};
const fr = {
  loading: 'Chargement de {title}', slow: 'Cela prend du temps.', reload: 'Réessayer', none: 'Aucune application ici.', apps: 'Applications : {titles}', by: 'par {app}',
  blocked: 'C’est à un administrateur de ce site de décider si elle peut fonctionner ici.', blockedTitle: '{title} est bloquée par votre administrateur', failed: '{title} ne peut pas être affichée', failedText: 'L’application n’a pas répondu.',
  ended: 'Cette page est restée ouverte un moment.', endedFix: 'Rechargez la page pour continuer.', browser: 'Ce navigateur n’applique pas les règles qui contiennent l’application ; sa page n’est pas affichée.',
  consentTitle: '{app} demande à agir en votre nom', consentText: 'Vous voyez ce qu’elle veut faire, et décidez, dans une fenêtre à part.', review: 'Examiner', connectTitle: '{app} demande à utiliser votre compte {name}', connectText: 'Vous le connectez chez {name} même, dans une fenêtre à part. L’application l’utilise sans voir ni mot de passe ni jeton.', connect: 'Connecter {name}', later: 'Pas maintenant',
  waiting: 'En attente de votre décision dans l’autre fenêtre.', again: 'J’ai décidé', close: 'Fermer', dismiss: 'Masquer', linkTitle: 'Aller sur un autre site ?', linkText: '{app} veut ouvrir une page de',
  linkWhole: 'L’adresse complète', linkGo: 'Ouvrir {host}', cancel: 'Rester ici', actions: 'Actions des applications', development: 'ses développeurs peuvent la modifier à tout moment', error: 'Une erreur est survenue', app: 'Application', asks: '{app} demande une décision', cut: 'Pas de connexion. Votre saisie est conservée, et envoyée à son retour.',
};

const all = { en, de, fr };
let now = en;

/** speak takes the reader's language, for words, and for the direction of the page. */
export function speak(locale) {
  const language = String(locale ?? 'en').split('-')[0].toLowerCase();
  now = all[language] ?? en;
  document.documentElement.lang = all[language] ? language : 'en';
}

/** say gives a text with its names put in. */
export const say = (key, names = {}) => now[key].replace(/\{(\w+)\}/g, (_, n) => names[n] ?? '');

/** failure is the title of what stands where an app cannot be shown. */
export const failure = (error, title) => say(error?.code === 'ACCESS_RULE' ? 'blockedTitle' : 'failed', { title });
