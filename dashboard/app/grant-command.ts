import type { NoSignIn, SignInAnswer } from '../../src/lib/api/answers/sign-in.ts';
import type { Session } from './session.ts';

/** The command with which an administrator gives a person an app role of the broker's own application. */
export function grantCommand(
  settings: SignInAnswer | NoSignIn | undefined,
  { objectId = 'OBJECT_ID' }: Pick<Session, 'objectId'>,
  role: string,
): string {
  const { tenantId = 'TENANT_ID', scope = '' } = settings !== undefined && 'clientId' in settings ? settings : {};
  // `api://TENANT/NAME/access_as_user`: the name is what `ptb setup api` finds the application by.
  const name = scope.split('/').at(-2);
  const named = scope.split('/').length === 5 && name !== undefined ? name : 'NAME';
  return `npx ptb setup api --tenant ${tenantId} --name ${named} --principal ${objectId} --role ${role}`;
}
