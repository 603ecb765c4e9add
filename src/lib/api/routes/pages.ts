import * as z from 'zod';
import type { Route } from '../route.ts';

const html = (what: string): Route['answers'] => [
  { status: 200, description: what, contents: [{ mediaType: 'text/html' }] },
  { status: 304, description: 'The copy that the browser has is current (If-None-Match).', contents: [] },
];

export const pageRoutes: readonly Route[] = [
  {
    name: 'openapi',
    method: 'GET',
    path: '/openapi.json',
    group: 'Pages',
    summary: 'This document',
    description: 'The description of the API, OpenAPI 3.1.',
    access: 'anonymous',
    answers: [
      {
        status: 200,
        description: 'The document.',
        contents: [
          {
            mediaType: 'application/json',
            schema: z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) }),
          },
        ],
      },
      { status: 304, description: 'The copy that the client has is current (If-None-Match).', contents: [] },
    ],
    failures: [],
  },
  {
    name: 'docs',
    method: 'GET',
    path: '/docs',
    group: 'Pages',
    summary: 'The API, to read',
    description: 'This document as a page, with examples in curl, PowerShell and TypeScript.',
    access: 'anonymous',
    answers: html('The page.'),
    failures: [],
  },
  {
    name: 'dashboard',
    method: 'GET',
    path: '/dashboard',
    group: 'Pages',
    summary: 'The dashboard',
    description:
      'Health, runs, tenants, jobs and the audit log in the browser. The page holds no data: it calls this API with a token that the operator gives it, and keeps that in memory only.',
    access: 'anonymous',
    answers: html('The page.'),
    failures: [],
  },
  {
    name: 'assets',
    method: 'GET',
    path: '/assets/{file}',
    group: 'Pages',
    summary: 'Scripts and styles of the pages',
    description: 'What the pages load; nothing comes from elsewhere.',
    access: 'anonymous',
    pathParameters: { file: { description: 'Name of the file.', example: 'dashboard.js' } },
    answers: [
      {
        status: 200,
        description: 'The file.',
        contents: [{ mediaType: 'text/javascript' }, { mediaType: 'text/css' }, { mediaType: 'image/svg+xml' }],
      },
      { status: 304, description: 'The copy that the browser has is current (If-None-Match).', contents: [] },
    ],
    failures: ['not_found'],
  },
];
