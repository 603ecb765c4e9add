import * as z from 'zod';
import { signInOfPeople } from '../composition.ts';
import type { NoSignIn, SignInAnswer } from '../lib/api/answers/shared.ts';
import { exampleTenantId } from '../lib/api/examples.ts';
import { jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { setupApiCommand } from '../lib/core/text.ts';
import { route } from './route.ts';

/** The next step for whoever deploys the broker. */
const advice = `Run \`npx ${setupApiCommand(undefined, '--url ADDRESS --no-roles')}\` with the address of the function app, and put the sign-in client that it prints into the app setting SIGN_IN_CLIENT_ID. NAME is the last part of the App ID URI in BROKER_AUDIENCES, with azd partner-token-broker-ENVIRONMENT.`;

route({ name: 'sign-in', method: 'GET', path: '/sign-in', access: 'anonymous', failures: [], document }, async () => {
  const settings = signInOfPeople();
  const jsonBody: SignInAnswer | NoSignIn =
    typeof settings === 'string' ? { problem: settings, advice } : { ...settings };
  return { status: 200, headers: { 'cache-control': 'no-store' }, jsonBody };
});

async function document(): Promise<RouteDocument> {
  const { noSignInSchema, signInAnswerSchema } = await import('../lib/api/answers/shared.ts');
  const example: SignInAnswer = {
    entraEndpoint: 'https://login.microsoftonline.com',
    tenantId: exampleTenantId,
    clientId: '6f1d9a53-8f0e-4c39-9d2f-6f7c4c7d1a10',
    scope: `api://${exampleTenantId}/partner-token-broker-prod/access_as_user`,
  };
  return {
    group: 'Pages',
    summary: 'How people sign in',
    description:
      'What the dashboard and `ptb login` need to sign a person in with Microsoft: authorization code with PKCE, or device code. If people cannot sign in, the answer says which setting is missing.',
    answers: [
      {
        status: 200,
        description: 'The authority, the client and the scope, or why there are none.',
        contents: [jsonContent(z.union([signInAnswerSchema, noSignInSchema]), example)],
      },
    ],
  };
}
