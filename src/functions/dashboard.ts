import { app } from '@azure/functions';
import { page } from './page-files.ts';
import { open } from './pipeline.ts';

// The page holds no data: it asks the API, with the token that the operator gives it.
app.http('dashboard', {
  route: 'dashboard',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: open(page('dashboard.html')),
});
