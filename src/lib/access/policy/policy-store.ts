import { hash } from 'node:crypto';
import type { BlobClient } from '@azure/storage-blob';
import { type Clock, dayMs, isoTime, withDeadline } from '../../core/clock.ts';
import { type Kept, KeptCopy } from '../../core/kept-copy.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { defined } from '../../core/objects.ts';
import { httpStatusOf } from '../../core/outbound.ts';
import { maxPolicyLength, parsePolicy } from './parse-policy.ts';
import { type AccessPolicy, denyAll } from './policy.ts';

/** A policy text, and a tag that changes whenever the text changes. */
export interface PolicyText {
  readonly text: string;
  readonly etag: string;
}

/** Reads the policy from its source. Returns undefined if there is no policy. Throws if the source cannot be read. */
export type ReadPolicy = (signal: AbortSignal) => Promise<PolicyText | undefined>;

/** The policy in force, and how current it is. */
export interface PolicyState {
  readonly policy: AccessPolicy;
  /**
   * `last-good`: the current text is invalid or cannot be read. `deny-all`: there is no policy, or the last good one is
   * too old.
   */
  readonly state: 'current' | 'last-good' | 'deny-all';
  /** Why the state is not `current`. One line for the operator, shown by health and in the log. */
  readonly problem?: string;
  /** With `deny-all`: only because no policy was ever loaded and its source cannot be read. The next read may succeed. */
  readonly isTransient?: boolean;
  /** SHA-256 of the text of the policy in force, in hexadecimal. Absent if there is none. */
  readonly sha256?: string;
  /** When the policy in force was loaded, milliseconds since the epoch; 0 if no policy was ever loaded. */
  readonly loadedAtMs: number;
}

/** Holds the policy in force. */
export interface PolicyStore {
  /** Returns the policy in force. Never throws: a failure leads to an older policy or to `deny-all`. */
  current(): Promise<PolicyState>;
}

/** Maximum delay before a policy change takes effect, while the source can be read. */
const reloadMs = 30_000;
/** Time from a failed read to the next, and between reads while there is no policy. */
const retryMs = 5_000;
/** How long the last good policy is used while its source fails: longer than a night, shorter than a weekend. */
const lastGoodMs = dayMs;
const readTimeoutMs = 5_000;
const unreadable = 'The access policy cannot be read.';

interface GoodPolicy {
  readonly policy: AccessPolicy;
  readonly etag: string;
  readonly sha256: string;
  readonly loadedAtMs: number;
}

/** What a policy store needs. */
interface PolicyStoreDeps {
  readonly read: ReadPolicy;
  readonly clock: Clock;
  readonly log: Logger;
  /** Starts a read that no request waits for, detached from the request that caused it. */
  readonly background?: (work: () => void) => void;
}

/** Creates a store that reads the policy on demand: at most every 30 seconds, or 5 after a failure or without a policy. */
export const createPolicyStore = (deps: PolicyStoreDeps): PolicyStore => new SourcedPolicyStore(deps);

class InvalidPolicyError extends Error {
  override readonly name = 'InvalidPolicyError';
}

class SourcedPolicyStore implements PolicyStore {
  readonly #deps: PolicyStoreDeps;
  /** Holds undefined while the source has no policy, so that a later failure does not bring back an old one. */
  readonly #copy: KeptCopy<GoodPolicy | undefined>;
  #good: GoodPolicy | undefined;
  #problem: string | undefined;
  /** When the last read began that could not reach the source. */
  #unreadableAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: PolicyStoreDeps) {
    this.#deps = deps;
    this.#copy = new KeptCopy(deps, {
      freshMs: (found) => (found === undefined ? retryMs : reloadMs),
      usableMs: lastGoodMs,
      pauseMs: () => retryMs,
    });
  }

  async current(): Promise<PolicyState> {
    const patienceMs = this.#mustWait() ? undefined : 0;
    const kept = await this.#copy.get(() => this.#reload(), { patienceMs }).catch(() => undefined);
    return this.#stateOf(kept);
  }

  /**
   * Requests do not wait for a source that could not be read a moment ago. After 30 s they wait again: it may have
   * recovered, and may hold a change that must take effect.
   */
  #mustWait(): boolean {
    const nowMs = this.#deps.clock.nowMs();
    const isUnreadable = nowMs >= this.#unreadableAtMs && nowMs < this.#unreadableAtMs + reloadMs;
    return !isUnreadable || this.#problem === undefined || this.#copy.peek()?.value === undefined;
  }

  async #reload(): Promise<GoodPolicy | undefined> {
    const nowMs = this.#deps.clock.nowMs();
    try {
      const found = await withDeadline(this.#deps.clock, readTimeoutMs, this.#deps.read);
      this.#good = found && this.#parse(found, nowMs);
      this.#report(found === undefined ? 'There is no access policy.' : undefined);
      return this.#good;
    } catch (error) {
      if (error instanceof InvalidPolicyError) this.#report(error.message);
      else {
        this.#unreadableAtMs = nowMs;
        this.#report(unreadable, errorFields(error));
      }
      throw error;
    }
  }

  #parse({ text, etag }: PolicyText, nowMs: number): GoodPolicy {
    if (etag === this.#good?.etag) return this.#good;
    const parsed = parsePolicy(text);
    if (!parsed.ok) throw new InvalidPolicyError(summary(parsed.problems));
    this.#deps.log.log('info', 'policy.loaded', { rules: parsed.policy.rules.length });
    return { policy: parsed.policy, etag, sha256: hash('sha256', text, 'hex'), loadedAtMs: nowMs };
  }

  #report(problem: string | undefined, fields: Parameters<Logger['log']>[2] = {}): void {
    if (problem !== undefined && problem !== this.#problem)
      this.#deps.log.log('warn', 'policy.rejected', { problem, ...fields });
    this.#problem = problem;
  }

  #stateOf(kept: Kept<GoodPolicy | undefined> | undefined): PolicyState {
    const problem = this.#problem;
    const loadedAtMs = this.#good?.loadedAtMs ?? 0;
    if (kept?.value === undefined) {
      const isTransient = problem === unreadable && loadedAtMs === 0 ? true : undefined;
      const denied = `${problem} Every request is denied.`;
      return defined({ policy: denyAll, state: 'deny-all', problem: denied, isTransient, loadedAtMs });
    }
    const { policy, sha256 } = kept.value;
    if (problem === undefined) return { policy, sha256, state: 'current', loadedAtMs };
    const note = `${problem} The last good policy stays in force until ${isoTime(kept.asOfMs + lastGoodMs)}.`;
    return { policy, sha256, state: 'last-good', problem: note, loadedAtMs };
  }
}

/** The first problems of a policy, in sentences. */
export const summary = (problems: readonly string[]): string =>
  problems.length <= 3
    ? problems.join(' ')
    : `${problems.slice(0, 3).join(' ')} And ${problems.length - 3} more; see \`ptb policy check\`.`;

/**
 * Reads the policy from a file. A missing file means that there is no policy.
 * @param readFile Reads the text of that file.
 */
export function policyFromFile(readFile: () => Promise<string>): ReadPolicy {
  return async () => {
    try {
      const text = await readFile();
      return { text, etag: hash('sha256', text, 'hex') };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  };
}

/** Reads the policy from a blob, which can change without a deployment. A missing blob means that there is no policy. */
export function policyFromBlob(blob: Pick<BlobClient, 'download'>): ReadPolicy {
  return async (abortSignal) => {
    try {
      // One byte more than the limit, so that a longer blob is refused for its length and not truncated to another
      // meaning.
      const reply = await blob.download(0, maxPolicyLength + 1, { abortSignal });
      const chunks: Buffer[] = [];
      for await (const chunk of reply.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
      const text = Buffer.concat(chunks).toString('utf8');
      return { text, etag: hash('sha256', text, 'hex') };
    } catch (error) {
      if (httpStatusOf(error) === 404) return undefined;
      throw error;
    }
  };
}
