'use strict';
// Azurite calls setup() only if telemetry is enabled. This project always passes --disableTelemetry.
module.exports = {};
