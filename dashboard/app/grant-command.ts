import type { NoSignIn, SignInAnswer } from '../../src/lib/api/answers/shared.ts';
import { setupApiCommand } from '../../src/lib/core/text.ts';
import type { Session } from './session.ts';

/** The command with which an administrator gives a person an app role of the broker's own application. */
export function grantCommand(
  settings: SignInAnswer | NoSignIn | undefined,
  { objectId = 'OBJECT_ID' }: Pick<Session, 'objectId'>,
  role: string,
): string {
  const broker = settings !== undefined && 'clientId' in settings ? settings : undefined;
  return setupApiCommand(broker, `--principal ${objectId} --role ${role}`);
}
