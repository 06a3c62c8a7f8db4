// What `annex variables set` gives to functions.
declare const process: { readonly env: Record<string, string | undefined> };
