import type { Dispatcher } from 'undici';

/** Answers up to this size, in bytes, are read without waiting for `large`. */
export const smallAnswerBytes = 2 * 1024 * 1024;

/** An answer as it came from the connection. */
export interface CollectedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Not decompressed. */
  readonly body: Buffer;
}

/** How long a request may take, and when its answer may be large. */
export interface Reading {
  /** The end of the request and of the reading of its answer. */
  readonly signal: AbortSignal;
  /** Waits until an answer of more than `smallAnswerBytes` may be held. */
  readonly large: () => Promise<void>;
}

/**
 * Sends one request and collects its answer. `request()` of undici does the same through a stream, which takes twice the
 * processor time for a short answer.
 * @throws the reason of the signal, an error of `large`, or an error of undici.
 */
export function collectAnswer(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  { signal, large }: Reading,
): Promise<CollectedAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<CollectedAnswer>();
  const collector = new Collector({ resolve, reject, large });
  const abort = (): void => collector.abort(asError(signal.reason));
  const end = (): void => signal.removeEventListener('abort', abort);
  signal.addEventListener('abort', abort, { once: true });
  promise.then(end, end);
  if (signal.aborted) abort();
  else dispatcher.dispatch(options, collector);
  return promise;
}

interface Outcome extends Pick<Reading, 'large'> {
  readonly resolve: (answer: CollectedAnswer) => void;
  readonly reject: (error: Error) => void;
}

class Collector implements Dispatcher.DispatchHandler {
  readonly #outcome: Outcome;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #isAsked = false;
  #aborted: Error | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: CollectedAnswer['headers'] = {};

  constructor(outcome: Outcome) {
    this.#outcome = outcome;
  }

  /** Ends the request. One that waits for its connection does not leave any more. */
  abort(reason: Error): void {
    this.#aborted = reason;
    this.#controller?.abort(reason);
    this.#outcome.reject(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#aborted !== undefined) controller.abort(this.#aborted);
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: CollectedAnswer['headers']): void {
    // An interim answer comes before the final one (RFC 9110 section 15.2).
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size <= smallAnswerBytes || this.#isAsked) return;
    this.#isAsked = true;
    controller.pause();
    void this.#waitForSlot(controller);
  }

  async #waitForSlot(controller: Dispatcher.DispatchController): Promise<void> {
    try {
      await this.#outcome.large();
      controller.resume();
    } catch (error) {
      this.abort(asError(error));
    }
  }

  onResponseEnd(): void {
    const [first, ...others] = this.#chunks;
    const body = first !== undefined && others.length === 0 ? first : Buffer.concat(this.#chunks, this.#size);
    this.#outcome.resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#outcome.reject(error);
  }
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
