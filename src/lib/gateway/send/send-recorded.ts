import { utiOf } from '../../microsoft/token-uti.ts';
import { callerIdOf } from '../../core/caller.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { AccessToken, TokenRequest } from '../../core/token.ts';
import { answerHeaders, requestIdOf } from './answer-headers.ts';
import { quotesToken } from './quotes-token.ts';
import { recordOf, type RequestFacts, type RequestOutcome } from './request-records.ts';
import type { Answer } from './rewrite-answer.ts';
import { type Outgoing, type Received, sendUpstream } from './send.ts';

/** What is ready before a request leaves. */
export interface Prepared<T> {
  readonly tokenRequest: TokenRequest;
  /** The token that the record describes. */
  readonly token: AccessToken;
  /** Reads the answer. What it throws is recorded as the outcome. */
  readonly read: (answer: Answer) => T;
}

/**
 * Sends a request with its records. The first is written when the request has its place in the queue, right before it
 * leaves. A request that fails before that is recorded as denied.
 * @returns what `read` makes of the answer. It never contains the token.
 * @throws BrokerError
 */
export async function sendRecorded<T>(
  outgoing: Outgoing,
  facts: RequestFacts,
  prepare: () => Promise<Prepared<T>>,
): Promise<T> {
  const record = recordOf(outgoing.deps, outgoing.sender);
  const place = outgoing.deps.largeAnswers.place(callerIdOf(outgoing.sender.caller));
  const progress: { isSent: boolean; outcome: RequestOutcome } = { isSent: false, outcome: {} };
  try {
    const { tokenRequest, token, read } = await prepare();
    const beforeFirst = async (): Promise<void> => {
      await record.sent(facts, token, outgoing.body);
      progress.isSent = true;
    };
    const received = await sendUpstream(outgoing, tokenRequest, { beforeFirst, place });
    const isQuoted = quotesToken(received.answer, received.token.secret);
    progress.outcome = outcomeOf(received, isQuoted);
    const result = read(usable(received.answer, isQuoted));
    record.ended(facts, progress.outcome);
    return result;
  } catch (thrown) {
    if (progress.isSent) record.ended(facts, { ...progress.outcome, code: toBrokerError(thrown).code });
    else await record.denied(facts, thrown);
    throw thrown;
  } finally {
    place.leave();
  }
}

function outcomeOf({ answer, token }: Received, isQuoted: boolean): RequestOutcome {
  // A header may be what repeats the token.
  const requestId = isQuoted ? undefined : requestIdOf(answer.headers);
  const uti = utiOf(token);
  return {
    status: answer.status,
    bytes: answer.body.length,
    ...(requestId === undefined ? {} : { requestId }),
    ...(uti === undefined ? {} : { uti }),
  };
}

/** @throws BrokerError resource_error for an answer that must not reach the caller. */
function usable(answer: Answer, isQuoted: boolean): Answer {
  if (answer.status < 200 || answer.status > 599) {
    throw new BrokerError('resource_error', 'The resource answers with a status that does not exist.');
  }
  if (isQuoted) {
    throw new BrokerError('resource_error', 'The resource repeats the token in its answer, so the answer was dropped.');
  }
  return { ...answer, headers: answerHeaders(answer.headers) };
}
