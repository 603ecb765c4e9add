import { app } from '@azure/functions';

// Streams HTTP bodies, so that the rows of a run over thousands of tenants are never in memory at once ("Azure
// Functions Node.js developer guide", HTTP streams). Must precede the first registration.
app.setup({ enableHttpStream: true });
