export { type Azurite, type AzuriteOptions, type AzuritePorts, startAzurite } from '../../src/local/azurite.ts';
