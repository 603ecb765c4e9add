import type { Toolbox } from '../../../../src/cli/sign-in/toolbox.ts';
import { createGraphClient, createGraphWriter } from '../../../../src/lib/microsoft/graph.ts';
import type { Secret } from '../../../../src/lib/core/secrets.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import type { FakeClock } from '../../../fakes/fake-clock.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

/** The Microsoft Graph of a toolbox, answered by a function that a test may replace. */
export interface GraphStage {
  answer: (request: SeenRequest) => Scripted;
  readonly graph: Toolbox['graph'];
  /** The tokens of the clients, in the order in which the command opened them. */
  readonly tokens: string[];
  /** For each client, whether Ctrl+C ends its requests. */
  readonly interruptible: boolean[];
  /** Method and path of each request that changes something. */
  writes(): string[];
}

export function graphOf(clock: FakeClock, answer: (request: SeenRequest) => Scripted): GraphStage {
  const { fetch, seen } = scriptedFetch((request) => stage.answer(request));
  const stage: GraphStage = {
    answer,
    tokens: [],
    interruptible: [],
    graph: (token: Secret, { untilInterrupted } = { untilInterrupted: true }) => {
      stage.tokens.push(token.reveal());
      stage.interruptible.push(untilInterrupted);
      const exchange = { fetch, clock, random: () => 0, limiter: new Limiter(4) };
      const binding = { baseUrl: 'https://graph.test', correlationId: 'id', token: async () => token };
      return { client: createGraphClient(exchange, binding), writer: createGraphWriter(exchange, binding) };
    },
    writes: () =>
      seen
        .filter(({ method }) => method !== 'GET')
        .map(({ method, url }) => `${method} ${decodeURIComponent(url.pathname).replace('/v1.0', '')}`),
  };
  return stage;
}
