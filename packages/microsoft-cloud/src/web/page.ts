import { escapeHtml } from './http.ts';

const style = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 34rem; margin: 3rem auto; padding: 0 1rem; }
  fieldset { border: 1px solid; border-radius: .5rem; margin: 1rem 0; }
  label { display: block; padding: .25rem 0; }
  .account { display: flex; gap: .5rem; align-items: baseline; overflow-wrap: anywhere; }
  .account .note { display: block; }
  button { font: inherit; padding: .4rem 1.2rem; margin-right: .5rem; }
  .note { opacity: .75; font-size: .875rem; }`;

/** A complete HTML document. @param body HTML. */
export const page = (title: string, body: string): string =>
  `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${style}</style></head><body><h1>${escapeHtml(title)}</h1>${body}</body></html>`;
