/** Replaces the engine's locale methods, which know no locale, by ones that do or say so. */
export function installIntl() {}
