// Translations of an app: the files that its manifest names, which lie beside its code.
import { kernel } from '@annex/runtime/kernel';
import { createContext, createElement, useContext, useMemo } from 'react';

const languageOf = (locale) => String(locale ?? '').split(/[-_]/)[0];

// The bundle of an app with translations holds {files: {locale: texts}, fallback}.
const translations = () => globalThis.__annex_translations ?? { files: {}, fallback: {} };

// chain is where a text is looked for, in this order.
function chain(locale) {
  const { files, fallback } = translations();
  const out = [];
  const add = (l) => { if (l !== undefined && Object.hasOwn(files, l) && !out.includes(l)) out.push(l); };
  const names = Object.keys(files);
  add(names.find((n) => n.toLowerCase() === String(locale).replace('_', '-').toLowerCase()));
  for (const [to, list] of Object.entries(fallback.list ?? {})) if ([list].flat().includes(locale)) add(to);
  add(names.find((n) => languageOf(n) === languageOf(locale)));
  add(fallback.default);
  return out.map((l) => files[l]);
}

function lookUp(texts, key) {
  if (Object.hasOwn(texts, key) && typeof texts[key] === 'string') return texts[key];
  let at = texts;
  for (const part of key.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = at[part];
  }
  return typeof at === 'string' ? at : undefined;
}

function translator(locale) {
  const texts = chain(locale);
  return (key, otherwise = undefined) => {
    if (typeof key !== 'string') return otherwise ?? (typeof key === 'number' ? String(key) : ''); // an object in a text would break the view
    for (const t of texts) {
      const text = lookUp(t, key);
      if (text !== undefined) return text;
    }
    return otherwise ?? key;
  };
}

const ownLocale = () => kernel.current()?.ctx.locale ?? 'en-US';

export const i18n = Object.freeze({
  async getTranslations(locale = ownLocale()) {
    return { locale, translations: Object.assign({}, ...chain(locale).toReversed()) };
  },
  createTranslationFunction: async (locale = ownLocale()) => translator(locale),
  resetTranslationsCache() {},
});

const Translations = createContext(undefined);

/** Gives `useTranslation` below it the language of the user, or the one it is given. */
export function I18nProvider({ locale, children }) {
  const chosen = locale ?? ownLocale();
  const value = useMemo(() => ({ t: translator(chosen), ready: true, locale: chosen }), [chosen]);
  return createElement(Translations.Provider, { value }, children);
}

/** `t(key, default)` in the language of the user. */
export function useTranslation() {
  const provided = useContext(Translations);
  const locale = ownLocale();
  return useMemo(() => provided ?? { t: translator(locale), ready: true, locale }, [provided, locale]);
}
