import { join } from 'node:path';
import * as z from 'zod';
import { signInOfPeople } from '../composition.ts';
import type { NoSignIn, SignInAnswer } from '../lib/api/answers/shared.ts';
import { exampleTenantId } from '../lib/api/examples.ts';
import { createPageFiles, type PageFiles, type StaticFile, staticAnswer, staticFile } from '../lib/api/page-answer.ts';
import { type Answer, type AnswerDocument, documentRoutes, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { once } from '../lib/core/single-flight.ts';
import { setupApiCommand } from '../lib/core/text.ts';
import { declaredRoutes, route } from './route.ts';

// The pages contain no data: they call the API with the token of their reader.

/** The build puts the pages beside the bundle that contains this module. */
const pageFiles = createPageFiles(join(import.meta.dirname, 'pages'));

interface FileCall {
  readonly request: { readonly headers: { get(name: string): string | null } };
}

/**
 * A handler that answers with one page.
 * @param connectTo finds an address that the page may send requests to, beside this origin.
 */
export const page =
  (name: string, files: PageFiles = pageFiles, connectTo: () => string | undefined = () => undefined) =>
  async (_services: undefined, { request }: FileCall): Promise<Answer> => {
    const file = await files.find(name);
    if (file === undefined) throw new Error(`the page ${name} is not part of this build`);
    return staticAnswer(file, request.headers, connectTo());
  };

/** The authority of the partner tenant, below which the dashboard gets its tokens. */
function authority(): string | undefined {
  const settings = signInOfPeople();
  return typeof settings === 'string' ? undefined : `${settings.entraEndpoint}/${settings.tenantId}/`;
}

/** A handler that answers with the script, style or image that the path names. */
export const asset =
  (files: PageFiles = pageFiles) =>
  async (
    _services: undefined,
    { path, request }: FileCall & { readonly path: { readonly file: string } },
  ): Promise<Answer> => {
    const file = path.file.endsWith('.html') ? undefined : await files.find(path.file);
    if (file === undefined) throw new BrokerError('not_found', 'There is no such file.');
    return staticAnswer(file, request.headers);
  };

/** Produced on the first request, in a chunk of its own, so that it costs nothing at start-up. */
const openApiFile = once(async (): Promise<StaticFile> => {
  const { openApiDocument } = await import('../lib/api/openapi.ts');
  return staticFile(JSON.stringify(await openApiDocument(await documentRoutes(declaredRoutes()))), 'application/json');
});

route(
  {
    name: 'openapi',
    method: 'GET',
    path: '/openapi.json',
    access: 'anonymous',
    failures: [],
    document: documentOpenApi,
  },
  async (_services, { request }) => {
    return staticAnswer(await openApiFile(), request.headers);
  },
);

route(
  { name: 'docs', method: 'GET', path: '/docs', access: 'anonymous', failures: [], document: documentDocs },
  page('docs.html'),
);

route(
  {
    name: 'dashboard',
    method: 'GET',
    path: '/dashboard',
    access: 'anonymous',
    failures: [],
    document: documentDashboard,
  },
  page('dashboard.html', pageFiles, authority),
);

route(
  {
    name: 'assets',
    method: 'GET',
    path: '/assets/{file}',
    access: 'anonymous',
    failures: ['not_found'],
    document: documentAssets,
  },
  asset(),
);

/** The next step for whoever deploys the broker. */
const advice = `Run \`${setupApiCommand(undefined, '--url ADDRESS --no-roles')}\` with the address of the function app, and put the sign-in client that it prints into the app setting SIGN_IN_CLIENT_ID. NAME is the last part of the App ID URI in BROKER_AUDIENCES, with azd partner-token-broker-ENVIRONMENT.`;

route(
  { name: 'sign-in', method: 'GET', path: '/sign-in', access: 'anonymous', failures: [], document: documentSignIn },
  async () => {
    const settings = signInOfPeople();
    const jsonBody: SignInAnswer | NoSignIn =
      typeof settings === 'string' ? { problem: settings, advice } : { ...settings };
    return { status: 200, headers: { 'cache-control': 'no-store' }, jsonBody };
  },
);

/** 200 with the file in one of the media types, and 304. */
const fileAnswers = (description: string, contents: AnswerDocument['contents']): readonly AnswerDocument[] => [
  { status: 200, description, contents },
  { status: 304, description: "The client's copy is current (`If-None-Match`).", contents: [] },
];

async function documentOpenApi(): Promise<RouteDocument> {
  const schema = z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) });
  return {
    group: 'Pages',
    summary: 'OpenAPI document',
    description: 'This document: the description of the API in OpenAPI 3.1.',
    answers: fileAnswers('The document.', [{ mediaType: 'application/json', schema }]),
  };
}

async function documentDocs(): Promise<RouteDocument> {
  return {
    group: 'Pages',
    summary: 'API reference',
    description: 'The API reference as a page, with samples in curl, PowerShell and TypeScript.',
    answers: fileAnswers('The page.', [{ mediaType: 'text/html' }]),
  };
}

async function documentDashboard(): Promise<RouteDocument> {
  return {
    group: 'Pages',
    summary: 'Dashboard',
    description:
      'Health, runs, tenants, jobs and the audit log in the browser. The page contains no data: it calls this API with the token of whoever signs in, and keeps the token in memory only.',
    answers: fileAnswers('The page.', [{ mediaType: 'text/html' }]),
  };
}

async function documentAssets(): Promise<RouteDocument> {
  return {
    group: 'Pages',
    summary: 'Scripts and styles of the pages',
    description: 'Every file that the pages load. They load nothing from another origin.',
    pathParameters: { file: { description: 'Name of the file.', example: 'dashboard.js' } },
    answers: fileAnswers('The file.', [
      { mediaType: 'text/javascript' },
      { mediaType: 'text/css' },
      { mediaType: 'image/svg+xml' },
    ]),
  };
}

async function documentSignIn(): Promise<RouteDocument> {
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
