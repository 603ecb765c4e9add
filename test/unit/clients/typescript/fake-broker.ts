import type { GetTokenOptions } from '@azure/core-auth';
import {
  PartnerTokenCredential,
  type PartnerTokenCredentialOptions,
} from '../../../../clients/typescript/src/index.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

export const graph = 'https://graph.microsoft.com/.default';
export const tenantId = '6f9c1f0e-3b8a-4d59-9a51-5c2f3f1a7b10';

interface ReceivedRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Answers the requests of a PartnerTokenCredential from a queue, and records them. */
export class FakeBroker {
  readonly clock = new FakeClock();
  readonly requests: ReceivedRequest[] = [];
  /** Arguments of each call for the caller's token. */
  readonly callerTokenCalls: unknown[] = [];
  /** Answers to the next requests. A request without an answer fails. */
  answers: (() => Response | Promise<Response>)[] = [];

  /** @param aheadMs how far the broker's clock is ahead of the client's. */
  token(name: string, aheadMs = 0): Response {
    return Response.json({
      accessToken: name,
      expiresAt: new Date(this.clock.nowMs() + aheadMs + 3_600_000).toISOString(),
      expiresInSeconds: 3600,
      tenantId,
    });
  }

  credential(options: Partial<PartnerTokenCredentialOptions> = {}): PartnerTokenCredential {
    return new PartnerTokenCredential({
      brokerUrl: 'https://broker.example',
      brokerScope: 'api://broker/.default',
      tenant: 'contoso.com',
      callerCredential: {
        getToken: async (scopes: string | string[], given?: GetTokenOptions) => {
          this.callerTokenCalls.push([scopes, given]);
          return { token: 'caller-secret', expiresOnTimestamp: this.clock.nowMs() + 60_000 };
        },
      },
      clock: this.clock,
      fetch: async (url, init) => {
        this.requests.push({
          url,
          headers: init.headers as Record<string, string>,
          body: JSON.parse(String(init.body)) as ReceivedRequest['body'],
        });
        const answer = this.answers.shift();
        if (answer === undefined) throw new Error('the test provides no answer to this request');
        return answer();
      },
      ...options,
    });
  }
}

export const problem = (status: number, code: string, retryAfter?: number): Response =>
  Response.json(
    { code, title: 'Title', detail: 'Detail.', advice: 'Advice.', correlationId: 'c1' },
    { status, headers: retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) } },
  );

/** The answer to a request that waits for an approval. */
export const pendingReply = (): Response =>
  Response.json(
    { approvalId: 'a1', status: 'pending', detail: 'The request waits until one more person approves it.' },
    { status: 202, headers: { 'x-approval-id': 'a1', 'x-correlation-id': 'c1', 'retry-after': '15' } },
  );

/** What the clients make of {@link pendingReply}. */
export const pendingFailure = {
  code: 'approval_pending',
  message: 'The request waits until one more person approves it.',
  status: 202,
  approvalId: 'a1',
  correlationId: 'c1',
  retryAfterSeconds: 15,
};

/** Options of a client whose broker gives these answers, one after the other, and the addresses that it asked for. */
export function answering(...answers: (() => Response)[]) {
  const clock = new FakeClock();
  const urls: string[] = [];
  const options = {
    brokerUrl: 'https://broker.example',
    brokerScope: 'api://broker/.default',
    callerCredential: { getToken: async () => ({ token: 'caller', expiresOnTimestamp: 0 }) },
    clock,
    fetch: async (url: string) => {
      urls.push(url);
      const answer = answers.shift();
      if (answer === undefined) throw new Error('the test provides no answer to this request');
      return answer();
    },
  };
  return { clock, urls, options };
}
