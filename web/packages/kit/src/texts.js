// What the kit says itself, beside the app's own words.

const en = {
  people: '{count} people', user: 'User {id}', nobody: 'Unknown user', find: 'Find a person', account: 'Account id',
  select: 'Select…', searching: 'Searching…', noSearch: 'The search does not work at present', noOptions: 'No options', options: 'Options', remove: 'Remove {name}', clear: 'Clear', loading: 'Loading',
  noRows: 'No rows', table: 'Table', pages: 'Pages', pagesOfTable: 'Pages of the table', previousPage: 'Previous page', nextPage: 'Next page', page: 'Page {name}',
  calendar: 'Calendar', previousMonth: 'Previous month', nextMonth: 'Next month',
  close: 'Close', cancel: 'Cancel', save: 'Save', confirm: 'Confirm', submit: 'Submit', required: 'required', asChart: 'Show as chart', asTable: 'Show as table',
  connect: 'Connect', connectText: 'This app needs your agreement to use an account of yours elsewhere.', stopped: 'The app stopped.', failed: 'The app reported an error.',
};
const de = {
  people: '{count} Personen', user: 'Person {id}', nobody: 'Unbekannte Person', find: 'Person suchen', account: 'Kontokennung',
  select: 'Auswählen …', searching: 'Suche läuft …', noSearch: 'Die Suche geht im Moment nicht', noOptions: 'Keine Auswahl', options: 'Auswahl', remove: '{name} entfernen', clear: 'Leeren', loading: 'Wird geladen',
  noRows: 'Keine Zeilen', table: 'Tabelle', pages: 'Seiten', pagesOfTable: 'Seiten der Tabelle', previousPage: 'Vorige Seite', nextPage: 'Nächste Seite', page: 'Seite {name}',
  calendar: 'Kalender', previousMonth: 'Voriger Monat', nextMonth: 'Nächster Monat',
  close: 'Schließen', cancel: 'Abbrechen', save: 'Speichern', confirm: 'Bestätigen', submit: 'Absenden', required: 'erforderlich', asChart: 'Als Diagramm zeigen', asTable: 'Als Tabelle zeigen',
  connect: 'Verbinden', connectText: 'Diese App braucht Ihre Zustimmung, um ein Konto von Ihnen anderswo zu benutzen.', stopped: 'Die App läuft nicht mehr.', failed: 'Die App hat einen Fehler gemeldet.',
};
const fr = {
  people: '{count} personnes', user: 'Personne {id}', nobody: 'Personne inconnue', find: 'Chercher une personne', account: 'Identifiant du compte',
  select: 'Sélectionner…', searching: 'Recherche…', noSearch: 'La recherche ne fonctionne pas pour le moment', noOptions: 'Aucun choix', options: 'Choix', remove: 'Retirer {name}', clear: 'Effacer', loading: 'Chargement',
  noRows: 'Aucune ligne', table: 'Tableau', pages: 'Pages', pagesOfTable: 'Pages du tableau', previousPage: 'Page précédente', nextPage: 'Page suivante', page: 'Page {name}',
  calendar: 'Calendrier', previousMonth: 'Mois précédent', nextMonth: 'Mois suivant',
  close: 'Fermer', cancel: 'Annuler', save: 'Enregistrer', confirm: 'Confirmer', submit: 'Envoyer', required: 'obligatoire', asChart: 'Afficher en graphique', asTable: 'Afficher en tableau',
  connect: 'Connecter', connectText: 'Cette application a besoin de votre accord pour utiliser un de vos comptes ailleurs.', stopped: 'L’application s’est arrêtée.', failed: 'L’application a signalé une erreur.',
};

export const all = { en, de, fr };

/** say gives a text in the reader's language, with its names put in. */
export function say(locale, key, names = {}) {
  const words = all[String(locale ?? 'en').split('-')[0].toLowerCase()] ?? en;
  return words[key].replace(/\{(\w+)\}/g, (_, n) => names[n] ?? '');
}
