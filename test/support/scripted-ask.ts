import type { Ask, RouteAnswer, RouteRequest } from '../../src/lib/api/mcp/tool.ts';

/** Answers requests of tools, and keeps them. */
export interface ScriptedAsk {
  readonly ask: Ask;
  readonly asked: RouteRequest[];
}

/** @param answers by route; the last one of a route is repeated. */
export function scriptedAsk(
  answers: Readonly<Record<string, readonly (object | Partial<RouteAnswer>)[]>>,
): ScriptedAsk {
  const asked: RouteRequest[] = [];
  const left = new Map(Object.entries(answers).map(([route, list]) => [route, [...list]]));
  return {
    asked,
    ask: async (request) => {
      asked.push(request);
      const list = left.get(request.route) ?? [];
      const answer = list.length > 1 ? list.shift() : list[0];
      if (answer === undefined) throw new Error(`the test has no answer of ${request.route}`);
      if ('text' in answer) return { status: 200, headers: {}, ...(answer as Pick<RouteAnswer, 'text'>) };
      return { status: 200, headers: { 'content-type': 'application/json' }, text: JSON.stringify(answer) };
    },
  };
}
