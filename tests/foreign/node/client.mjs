// An agency's client that was written from the .proto files alone: no code of ours, no generated code.
//
// Reads one order (JSON) on standard input, calls Verify over mutual TLS, and prints what came back, as JSON:
// a list of {"ok": true, "response": {...}} or {"ok": false, "code": ..., "details": [{"type": ..., "value": {...}}]}.
import fs from 'node:fs';
import process from 'node:process';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const READABLE = { keepCase: true, longs: String, enums: String, bytes: String, defaults: true, oneofs: true };

const order = JSON.parse(fs.readFileSync(0, 'utf8'));
const definition = loader.loadSync(
  ['padan/v1/verification.proto', 'google/rpc/status.proto', 'google/rpc/error_details.proto'],
  { ...READABLE, includeDirs: order.include },
);
const contract = grpc.loadPackageDefinition(definition);

/** Opens google.rpc.Status and each detail whose type is known. */
function richError(metadata) {
  const [raw] = metadata.get('grpc-status-details-bin');
  if (raw === undefined) return [];
  const status = definition['google.rpc.Status'].deserialize(raw);
  return status.details.map(({ type_url, value }) => {
    const type = type_url.split('/').pop();
    return { type, value: definition[type].deserialize(Buffer.from(value, 'base64')) };
  });
}

function verify(client, request) {
  const deadline = new Date(Date.now() + order.deadline_ms);
  return new Promise((resolve) => {
    client.Verify(request, { deadline }, (error, response) => {
      if (error === null) resolve({ ok: true, response });
      else resolve({ ok: false, code: grpc.status[error.code], details: richError(error.metadata) });
    });
  });
}

const credentials = grpc.credentials.createSsl(
  fs.readFileSync(order.ca), fs.readFileSync(order.key), fs.readFileSync(order.certificate),
);
const client = new contract.padan.v1.VerificationService(order.target, credentials, {
  'grpc.ssl_target_name_override': order.server_name,
});
const answers = [];
for (const request of order.requests) {
  answers.push(await verify(client, { ...request, blind: Buffer.from(request.blind, 'base64') }));
}
client.close();
console.log(JSON.stringify(answers));
