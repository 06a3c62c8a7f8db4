// What the kit says itself, beside the app's own words.

const en = {
  people: '{count} people', user: 'User {id}', nobody: 'Unknown user', find: 'Find a person', account: 'Account id',
  select: 'Select…', searching: 'Searching…', noSearch: 'The search does not work at present', noOptions: 'No options', options: 'Options', remove: 'Remove {name}', clear: 'Clear', loading: 'Loading',
  noRows: 'No rows', table: 'Table', pages: 'Pages', pagesOfTable: 'Pages of the table', previousPage: 'Previous page', nextPage: 'Next page', page: 'Page {name}',
  calendar: 'Calendar', previousMonth: 'Previous month', nextMonth: 'Next month',
  close: 'Close', cancel: 'Cancel', save: 'Save', confirm: 'Confirm', submit: 'Submit', required: 'required', asChart: 'Show as chart', asTable: 'Show as table',
  information: 'Information', success: 'Success', warning: 'Warning', danger: 'Error', discovery: 'Note', tags: 'Tags', tabs: 'Tabs', progress: 'Progress', button: 'Button', breadcrumbs: 'Breadcrumbs', dialog: 'Dialog', popup: 'Popup', more: 'More',
  comment: 'Comment', edited: 'Edited', restricted: 'restricted to', saving: 'Saving…', file: 'File', upload: 'Upload', download: 'Download {name}', retry: 'Try again {name}', delete: 'Delete {name}', image: 'Image', avatar: 'Avatar', column: 'Column',
  barChart: 'Bar chart', stackedChart: 'Stacked bar chart', lineChart: 'Line chart', pieChart: 'Pie chart', donutChart: 'Donut chart', label: 'Label', value: 'Value', share: 'Share',
  done: 'done', open: 'open', decision: 'decision', code: 'Code', emoji: 'emoji', attachment: 'Attached file', notShown: '{name}: not shown by this product', unknown: '{name} is not a component of this product',
  tooLarge: 'An app can be given files of {size} at once.', drop: 'or drop files here', edit: 'Edit {name}', text: 'Text', write: 'Write here. **bold**, _italic_, `code`, - list, # heading',
  connect: 'Connect', connectText: 'This app needs your agreement to use an account of yours elsewhere.', stopped: 'The app stopped.', failed: 'The app reported an error.',
};
const de = {
  people: '{count} Personen', user: 'Person {id}', nobody: 'Unbekannte Person', find: 'Person suchen', account: 'Kontokennung',
  select: 'Auswählen …', searching: 'Suche läuft …', noSearch: 'Die Suche geht im Moment nicht', noOptions: 'Keine Auswahl', options: 'Auswahl', remove: '{name} entfernen', clear: 'Leeren', loading: 'Wird geladen',
  noRows: 'Keine Zeilen', table: 'Tabelle', pages: 'Seiten', pagesOfTable: 'Seiten der Tabelle', previousPage: 'Vorige Seite', nextPage: 'Nächste Seite', page: 'Seite {name}',
  calendar: 'Kalender', previousMonth: 'Voriger Monat', nextMonth: 'Nächster Monat',
  close: 'Schließen', cancel: 'Abbrechen', save: 'Speichern', confirm: 'Bestätigen', submit: 'Absenden', required: 'erforderlich', asChart: 'Als Diagramm zeigen', asTable: 'Als Tabelle zeigen',
  information: 'Information', success: 'Erfolg', warning: 'Warnung', danger: 'Fehler', discovery: 'Hinweis', tags: 'Schlagwörter', tabs: 'Registerkarten', progress: 'Fortschritt', button: 'Schaltfläche', breadcrumbs: 'Pfad', dialog: 'Dialog', popup: 'Einblendung', more: 'Mehr',
  comment: 'Kommentar', edited: 'Bearbeitet', restricted: 'nur für', saving: 'Wird gespeichert …', file: 'Datei', upload: 'Übertragung', download: '{name} herunterladen', retry: '{name} noch einmal versuchen', delete: '{name} löschen', image: 'Bild', avatar: 'Profilbild', column: 'Spalte',
  barChart: 'Balkendiagramm', stackedChart: 'Gestapeltes Balkendiagramm', lineChart: 'Liniendiagramm', pieChart: 'Kreisdiagramm', donutChart: 'Ringdiagramm', label: 'Bezeichnung', value: 'Wert', share: 'Anteil',
  done: 'erledigt', open: 'offen', decision: 'Entscheidung', code: 'Code', emoji: 'Emoji', attachment: 'Angehängte Datei', notShown: '{name}: wird in diesem Produkt nicht gezeigt', unknown: '{name} ist in diesem Produkt nicht bekannt',
  tooLarge: 'Eine App kann auf einmal Dateien von {size} bekommen.', drop: 'oder Dateien hier ablegen', edit: '{name} bearbeiten', text: 'Text', write: 'Hier schreiben. **fett**, _kursiv_, `Code`, - Liste, # Überschrift',
  connect: 'Verbinden', connectText: 'Diese App braucht Ihre Zustimmung, um ein Konto von Ihnen anderswo zu benutzen.', stopped: 'Die App läuft nicht mehr.', failed: 'Die App hat einen Fehler gemeldet.',
};
const fr = {
  people: '{count} personnes', user: 'Personne {id}', nobody: 'Personne inconnue', find: 'Chercher une personne', account: 'Identifiant du compte',
  select: 'Sélectionner…', searching: 'Recherche…', noSearch: 'La recherche ne fonctionne pas pour le moment', noOptions: 'Aucun choix', options: 'Choix', remove: 'Retirer {name}', clear: 'Effacer', loading: 'Chargement',
  noRows: 'Aucune ligne', table: 'Tableau', pages: 'Pages', pagesOfTable: 'Pages du tableau', previousPage: 'Page précédente', nextPage: 'Page suivante', page: 'Page {name}',
  calendar: 'Calendrier', previousMonth: 'Mois précédent', nextMonth: 'Mois suivant',
  close: 'Fermer', cancel: 'Annuler', save: 'Enregistrer', confirm: 'Confirmer', submit: 'Envoyer', required: 'obligatoire', asChart: 'Afficher en graphique', asTable: 'Afficher en tableau',
  information: 'Information', success: 'Succès', warning: 'Avertissement', danger: 'Erreur', discovery: 'Remarque', tags: 'Étiquettes', tabs: 'Onglets', progress: 'Progression', button: 'Bouton', breadcrumbs: 'Fil d’Ariane', dialog: 'Dialogue', popup: 'Fenêtre', more: 'Plus',
  comment: 'Commentaire', edited: 'Modifié', restricted: 'réservé à', saving: 'Enregistrement…', file: 'Fichier', upload: 'Envoi', download: 'Télécharger {name}', retry: 'Réessayer {name}', delete: 'Supprimer {name}', image: 'Image', avatar: 'Photo de profil', column: 'Colonne',
  barChart: 'Graphique à barres', stackedChart: 'Graphique à barres empilées', lineChart: 'Graphique en courbes', pieChart: 'Graphique circulaire', donutChart: 'Graphique en anneau', label: 'Libellé', value: 'Valeur', share: 'Part',
  done: 'fait', open: 'à faire', decision: 'décision', code: 'Code', emoji: 'émoji', attachment: 'Fichier joint', notShown: '{name} : ce produit ne le montre pas', unknown: '{name} n’est pas un composant de ce produit',
  tooLarge: 'Une application peut recevoir des fichiers de {size} à la fois.', drop: 'ou déposez des fichiers ici', edit: 'Modifier {name}', text: 'Texte', write: 'Écrivez ici. **gras**, _italique_, `code`, - liste, # titre',
  connect: 'Connecter', connectText: 'Cette application a besoin de votre accord pour utiliser un de vos comptes ailleurs.', stopped: 'L’application s’est arrêtée.', failed: 'L’application a signalé une erreur.',
};

export const all = { en, de, fr };

/** say gives a text in the reader's language, with its names put in. */
export function say(locale, key, names = {}) {
  const words = all[String(locale ?? 'en').split('-')[0].toLowerCase()] ?? en;
  return words[key].replace(/\{(\w+)\}/g, (_, n) => names[n] ?? '');
}
