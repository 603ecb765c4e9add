/** The values of a pattern's `{names}`. */
export type PathParameters = Readonly<Record<string, string>>;

export interface Route<Handler> {
  readonly method: string;
  readonly handler: Handler;
  readonly pattern: string;
}

interface RouteMatch<Handler> {
  readonly handler: Handler;
  readonly parameters: PathParameters;
  readonly pattern: string;
}

export interface Router<Handler> {
  /** Returns `none` for an unknown path, `method` for a known path with another method. */
  find(method: string, path: string): RouteMatch<Handler> | 'none' | 'method';
}

/** @param pattern such as `/users/{id}`. Letter case does not matter, as in Microsoft's services. */
export const route = <Handler>(method: string, pattern: string, handler: Handler): Route<Handler> => ({
  method,
  pattern,
  handler,
});

/** The first matching route wins. */
export function createRouter<Handler>(routes: readonly Route<Handler>[]): Router<Handler> {
  const compiled = routes.map((entry) => ({ ...entry, expression: compile(entry.pattern) }));
  return {
    find: (method, path) => {
      let pathExists = false;
      for (const { expression, handler, method: allowed, pattern } of compiled) {
        const match = expression.exec(path);
        if (match === null) continue;
        if (allowed === method) return { handler, pattern, parameters: match.groups ?? {} };
        pathExists = true;
      }
      return pathExists ? 'method' : 'none';
    },
  };
}

function compile(pattern: string): RegExp {
  const source = pattern
    .replace(/[.*+?^$()|[\]\\]/g, '\\$&')
    .replace(/\{(\w+)\}/g, (_whole, name: string) => `(?<${name}>[^/]+)`);
  return new RegExp(`^${source}/?$`, 'i');
}
