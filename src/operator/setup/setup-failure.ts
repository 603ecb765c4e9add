import { SetupError, toBrokerError } from '../../lib/core/errors.ts';

/** Throws errors of Graph as SetupError: here they concern the operator or the policies of the partner tenant here, not a customer or a job. */
export function asSetupError(thrown: unknown): never {
  const { code, detail, logFields } = toBrokerError(thrown);
  if (code === 'access_denied') throw new SetupError('operator_forbidden', detail, { cause: thrown, logFields });
  if (code !== 'job_failed') throw thrown;
  const message = typeof logFields['resourceMessage'] === 'string' ? ` ${logFields['resourceMessage']}` : '';
  throw new SetupError('setup_refused', `${detail}${message}`, { cause: thrown, logFields });
}
