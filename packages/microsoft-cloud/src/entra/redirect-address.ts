import type { Application, RedirectKind } from '../directory/records.ts';

const loopbackNames: readonly string[] = ['localhost', '127.0.0.1'];

/** RFC 8252 section 7.3: the client chooses the port of a loopback address. */
function withoutLoopbackPort(uri: string): string {
  if (!URL.canParse(uri)) return uri;
  const url = new URL(uri);
  if (loopbackNames.includes(url.hostname)) url.port = '';
  return url.href.replace(/\/$/, '');
}

const withoutTrailingSlash = (uri: string): string => (URL.canParse(uri) ? new URL(uri).href : uri).replace(/\/$/, '');

/** How the address is registered, or undefined for an unregistered address. One with the same port comes first. */
export function redirectKind(application: Application | undefined, uri: string): RedirectKind | undefined {
  if (application === undefined) {
    const wanted = withoutLoopbackPort(uri);
    const native = ['http://localhost', 'http://127.0.0.1', 'urn:ietf:wg:oauth:2.0:oob'];
    return native.includes(wanted) || wanted.endsWith('/oauth2/nativeclient') ? 'publicClient' : undefined;
  }
  const kinds: readonly RedirectKind[] = ['web', 'publicClient', 'spa'];
  const registered = (form: (address: string) => string): RedirectKind | undefined =>
    kinds.find((kind) => application.redirectUris[kind].some((each) => form(each) === form(uri)));
  return registered(withoutTrailingSlash) ?? registered(withoutLoopbackPort);
}

/** Whether pages of the origin are registered as a single-page app of the application. */
export function isSinglePageOrigin({ redirectUris }: Application, origin: string): boolean {
  const wanted = withoutLoopbackPort(origin);
  return redirectUris.spa.some((uri) => URL.canParse(uri) && withoutLoopbackPort(new URL(uri).origin) === wanted);
}
