// What the browser says by itself, in the page's language: words/<language>.js brings `gettext`.
declare global {
  interface Window { gettext?: (text: string) => string }
}

export function t(text: string): string {
  return window.gettext?.(text) ?? text;
}
