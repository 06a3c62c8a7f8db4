// The product's theme in an app's page: the attributes and custom properties that apps of
// this kind look for, with values of our own.

const light = {
  surface: '#ffffff', 'surface-raised': '#ffffff', 'surface-overlay': '#ffffff', 'surface-sunken': '#f5f6fa', 'surface-hovered': '#eef0f6', 'surface-pressed': '#e3e7f0',
  text: '#1b2335', 'text-subtle': '#465065', 'text-subtlest': '#566075', 'text-disabled': '#8b93a5', 'text-inverse': '#ffffff', 'text-selected': '#2447b5', 'text-brand': '#2447b5',
  'text-danger': '#a81e2d', 'text-success': '#14633c', 'text-warning': '#6b4700', 'text-information': '#2447b5', 'text-discovery': '#5a3aa8', 'text-warning-inverse': '#1b2335',
  link: '#2447b5', 'link-pressed': '#1b378f', icon: '#3d475c', 'icon-subtle': '#566075', 'icon-disabled': '#8b93a5', 'icon-inverse': '#ffffff', 'icon-brand': '#3256c7', 'icon-selected': '#3256c7',
  'icon-danger': '#c02a3b', 'icon-success': '#1d7a4d', 'icon-warning': '#8a5c00', 'icon-information': '#3256c7', 'icon-discovery': '#6b48c0',
  border: '#d9deea', 'border-bold': '#7b8499', 'border-input': '#7b8499', 'border-focused': '#1f5eff', 'border-selected': '#3256c7', 'border-brand': '#3256c7', 'border-disabled': '#e3e7f0',
  'border-inverse': '#ffffff', 'border-danger': '#c02a3b', 'border-success': '#1d7a4d', 'border-warning': '#8a5c00', 'border-information': '#3256c7', 'border-discovery': '#6b48c0',
  'background-input': '#ffffff', 'background-input-hovered': '#f5f6fa', 'background-input-pressed': '#ffffff', 'background-disabled': '#eef0f6', 'background-inverse-subtle': '#00000029',
  'background-neutral': '#eef0f6', 'background-neutral-hovered': '#e3e7f0', 'background-neutral-pressed': '#d3d9e6', 'background-neutral-bold': '#465065', 'background-neutral-subtle': '#00000000',
  'background-neutral-subtle-hovered': '#eef0f6', 'background-neutral-subtle-pressed': '#e3e7f0', 'background-brand-bold': '#3256c7', 'background-brand-bold-hovered': '#2447b5',
  'background-brand-bold-pressed': '#1b378f', 'background-selected': '#eef2ff', 'background-selected-hovered': '#dfe6ff', 'background-selected-bold': '#3256c7',
  'background-danger': '#fdeced', 'background-danger-bold': '#c02a3b', 'background-success': '#e1f4ea', 'background-success-bold': '#1d7a4d', 'background-warning': '#fdf1d6',
  'background-warning-bold': '#f0b429', 'background-information': '#e4f0ff', 'background-information-bold': '#3256c7', 'background-discovery': '#f0ebff', 'background-discovery-bold': '#6b48c0',
  blanket: '#0e152680', skeleton: '#eef0f6', 'shadow-raised': '0 1px 2px #0e152633, 0 0 1px #0e152633', 'shadow-overlay': '0 8px 24px #0e152633, 0 0 1px #0e152650',
};

const dark = {
  surface: '#1a202d', 'surface-raised': '#212938', 'surface-overlay': '#262f40', 'surface-sunken': '#11151e', 'surface-hovered': '#252d3d', 'surface-pressed': '#2d3749',
  text: '#e8ebf3', 'text-subtle': '#c2cadb', 'text-subtlest': '#a5afc3', 'text-disabled': '#6f7a90', 'text-inverse': '#11151e', 'text-selected': '#9db7ff', 'text-brand': '#9db7ff',
  'text-danger': '#ff9aa3', 'text-success': '#8fe0b4', 'text-warning': '#f3cf84', 'text-information': '#9db7ff', 'text-discovery': '#c8b4ff', 'text-warning-inverse': '#11151e',
  link: '#9db7ff', 'link-pressed': '#c3d2ff', icon: '#c2cadb', 'icon-subtle': '#a5afc3', 'icon-disabled': '#6f7a90', 'icon-inverse': '#11151e', 'icon-brand': '#9db7ff', 'icon-selected': '#9db7ff',
  'icon-danger': '#ff7b88', 'icon-success': '#63cf95', 'icon-warning': '#f0b429', 'icon-information': '#7fa1ff', 'icon-discovery': '#b197fc',
  border: '#313a4d', 'border-bold': '#7b869c', 'border-input': '#7b869c', 'border-focused': '#9db7ff', 'border-selected': '#7fa1ff', 'border-brand': '#7fa1ff', 'border-disabled': '#2d3749',
  'border-inverse': '#11151e', 'border-danger': '#ff7b88', 'border-success': '#63cf95', 'border-warning': '#f0b429', 'border-information': '#7fa1ff', 'border-discovery': '#b197fc',
  'background-input': '#11151e', 'background-input-hovered': '#1a202d', 'background-input-pressed': '#11151e', 'background-disabled': '#252d3d', 'background-inverse-subtle': '#ffffff29',
  'background-neutral': '#2d3749', 'background-neutral-hovered': '#38445a', 'background-neutral-pressed': '#45526b', 'background-neutral-bold': '#a5afc3', 'background-neutral-subtle': '#00000000',
  'background-neutral-subtle-hovered': '#252d3d', 'background-neutral-subtle-pressed': '#2d3749', 'background-brand-bold': '#3a5fd6', 'background-brand-bold-hovered': '#4b6fe0',
  'background-brand-bold-pressed': '#5f80ea', 'background-selected': '#1d2743', 'background-selected-hovered': '#263359', 'background-selected-bold': '#3a5fd6',
  'background-danger': '#431a20', 'background-danger-bold': '#d64555', 'background-success': '#143526', 'background-success-bold': '#2c8d5e', 'background-warning': '#3a2c0d',
  'background-warning-bold': '#f0b429', 'background-information': '#17294a', 'background-information-bold': '#3a5fd6', 'background-discovery': '#2b2146', 'background-discovery-bold': '#7d5bd1',
  blanket: '#000000a6', skeleton: '#252d3d', 'shadow-raised': '0 1px 2px #00000080, 0 0 1px #00000080', 'shadow-overlay': '0 8px 24px #000000a6, 0 0 1px #000000',
};

const same = {
  'border-radius': '3px', 'border-radius-050': '2px', 'border-radius-100': '4px', 'border-radius-200': '8px', 'border-radius-300': '12px', 'border-radius-400': '16px', 'border-radius-circle': '50%',
  'border-width': '1px', 'border-width-outline': '2px', 'font-weight-regular': '400', 'font-weight-medium': '500', 'font-weight-semibold': '600', 'font-weight-bold': '700',
  'font-family-body': 'system-ui, sans-serif', 'font-family-heading': 'system-ui, sans-serif', 'font-family-code': 'ui-monospace, Menlo, Consolas, monospace',
  'font-body': '400 14px/20px system-ui, sans-serif', 'font-body-small': '400 12px/16px system-ui, sans-serif', 'font-body-large': '400 16px/24px system-ui, sans-serif',
  'font-heading-small': '600 16px/20px system-ui, sans-serif', 'font-heading-medium': '600 20px/24px system-ui, sans-serif', 'font-heading-large': '600 24px/28px system-ui, sans-serif',
  'font-heading-xsmall': '600 14px/20px system-ui, sans-serif', 'font-heading-xxsmall': '600 12px/16px system-ui, sans-serif', 'font-code': '400 13px/20px ui-monospace, Menlo, Consolas, monospace',
};
for (const [name, px] of Object.entries({ '0': 0, '025': 2, '050': 4, '075': 6, 100: 8, 150: 12, 200: 16, 250: 20, 300: 24, 400: 32, 500: 40, 600: 48, 800: 64, 1000: 80 })) same[`space-${name}`] = `${px}px`;

let sheet;

/** applyTheme sets a theme, `{ colorMode: 'light' | 'dark' }`, on the document. */
export function applyTheme(theme) {
  const mode = theme?.colorMode === 'dark' ? 'dark' : 'light';
  const root = document.documentElement;
  root.dataset.colorMode = mode;
  root.dataset.theme = 'dark:dark light:light';
  if (!sheet) {
    sheet = new CSSStyleSheet(); // no inline style, which the policy would refuse
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  }
  const values = { ...same, ...(mode === 'dark' ? dark : light) };
  sheet.replaceSync(`:root{color-scheme:${mode};${Object.entries(values).map(([k, v]) => `--ds-${k}:${v}`).join(';')}}`);
}
