import { app } from '@azure/functions';

// Bodies travel as streams: the rows of a run over thousands of tenants are never held whole ("Azure Functions
// Node.js developer guide", HTTP streams). Has to be said before the first function is registered.
app.setup({ enableHttpStream: true });
