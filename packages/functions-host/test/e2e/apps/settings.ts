/** Returns app settings as they were when the app was loaded. */
import { app } from '@azure/functions';

const { FIRST, SECOND, THIRD, WEBSITE_HOSTNAME } = process.env;

app.http('settings', { methods: ['GET'], handler: () => ({ jsonBody: { FIRST, SECOND, THIRD, WEBSITE_HOSTNAME } }) });
