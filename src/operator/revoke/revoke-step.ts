import type { BrokerError, ErrorCode } from '../../lib/core/errors.ts';

/** One step of a revocation. Every step is tried, even if others fail. */
export interface RevokeStep {
  readonly text: string;
  /** Steps before the proof of the refresh tokens, which needs a client credential that still works. */
  readonly phase: 'first' | 'second';
  /** What the operator needs, if Microsoft Graph refuses the step. */
  readonly needs?: string;
  /** Set if the state does not show whether the step was done. */
  readonly isUnread?: true;
  run(): Promise<void>;
}

export interface RevokeResult {
  readonly step: string;
  readonly done: boolean;
  readonly code?: ErrorCode;
  readonly detail?: string;
}

/** A step that fails, for a part that could not be read. It shows in the results that this part is left to do. */
export const failingStep = (text: string, failure: BrokerError, phase: RevokeStep['phase'] = 'second'): RevokeStep => ({
  text,
  phase,
  run: () => Promise.reject(failure),
});
