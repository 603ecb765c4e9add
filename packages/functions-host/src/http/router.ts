import { type FunctionMetadata, triggerOf } from '../app/rpc.ts';
import { messageOf } from '../runtime/errors.ts';
import { HostStartError } from '../runtime/host-start-error.ts';
import { matchTemplate, parseTemplate, type RouteTemplate } from './route-template.ts';

export interface HttpRoute {
  readonly functionName: string;
  readonly template: RouteTemplate;
  /** In upper case. */
  readonly methods: readonly string[];
  readonly authLevel: 'anonymous' | 'function' | 'admin';
}

interface RouteMatch {
  readonly route: HttpRoute;
  readonly params: Readonly<Record<string, string>>;
}

const allMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT'];

/** The route of an HTTP function. @throws HostStartError when its template is not valid. */
export function httpRoute(metadata: FunctionMetadata, routePrefix: string): HttpRoute {
  const { binding } = triggerOf(metadata);
  const route = typeof binding['route'] === 'string' && binding['route'] !== '' ? binding['route'] : metadata.name;
  // The prefix also applies to a route with a leading slash.
  const text = [routePrefix, route.replace(/^\/+/, '')].filter((part) => part !== '').join('/');
  const methods = Array.isArray(binding['methods'])
    ? binding['methods'].map((method) => String(method).toUpperCase())
    : [];
  const level = typeof binding['authLevel'] === 'string' ? binding['authLevel'].toLowerCase() : 'anonymous';
  try {
    return {
      functionName: metadata.name,
      template: parseTemplate(text),
      methods: methods.length === 0 ? allMethods : methods,
      authLevel: level === 'function' || level === 'admin' ? level : 'anonymous',
    };
  } catch (error) {
    throw new HostStartError(`The route of function "${metadata.name}" is not valid: ${messageOf(error)}.`);
  }
}

/** Sorts routes into the order in which they are tried. Routes with more specific segments come first. */
export function sortRoutes(routes: readonly HttpRoute[]): HttpRoute[] {
  return routes.toSorted((left, right) => {
    const [a, b] = [left.template.precedence, right.template.precedence];
    for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
      const difference = (a[at] ?? 0) - (b[at] ?? 0);
      if (difference !== 0) return difference;
    }
    return left.template.text.localeCompare(right.template.text, 'en', { sensitivity: 'base' });
  });
}

/**
 * Finds the first route that matches path and method. If the most specific route does not list the method, a less
 * specific one can match.
 * @param routes in the order of {@link sortRoutes}.
 * @param method in upper case.
 * @param path decoded.
 */
export function findRoute(routes: readonly HttpRoute[], method: string, path: string): RouteMatch | undefined {
  const trimmed = path.replace(/^\//, '').replace(/\/$/, '');
  const segments = trimmed === '' ? [] : trimmed.split('/');
  for (const route of routes) {
    if (!route.methods.includes(method)) continue;
    const params = matchTemplate(route.template, segments);
    if (params) return { route, params };
  }
  return undefined;
}
