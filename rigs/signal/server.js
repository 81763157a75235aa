// Signal's own mock server with several real clients, told what to do over a control door.
//
//   node server.js PORT CONTROL_PORT          NODE_PATH names the folder of the packages
//
// The server comes as it is from npm. What is added: three routes that signal-cli 0.13.19 asks for,
// times and ids in envelopes, the same routes over plain HTTPS, and sends that do not wait until the
// device has taken them (it may be down: the server keeps them for it).
//
// Control door: POST a JSON object {"do": NAME, …}; the answer is a JSON object.
'use strict';

const crypto = require('node:crypto');
const events = require('node:events');
const http = require('node:http');
const path = require('node:path');

const MOCK = path.dirname(require.resolve('@signalapp/mock-server/package.json'));
const Long = require('long');
const { Server } = require('@signalapp/mock-server');
const { signalservice: proto } = require(path.join(MOCK, 'protos/compiled'));
const { Connection } = require(path.join(MOCK, 'src/server/ws/connection'));
const { encryptAttachment } = require(path.join(MOCK, 'src/crypto'));
const { DeviceKeysSchema } = require(path.join(MOCK, 'src/data/schemas'));
const { attachmentToPointer } = require(path.join(MOCK, 'src/data/attachment'));

const [port, controlPort] = process.argv.slice(2).map(Number);
process.on('unhandledRejection', (error) => console.error('unhandled', error));

stampEnvelopes();
allowMissingKeys();
addRoutes();
main().catch((error) => {
  console.error(error);
  process.exit(1);
});

async function main() {
  const server = new Server({ cdn3Path: path.join(process.cwd(), 'cdn3'), updates2Path: process.cwd() });
  const send = server.send.bind(server);
  // Without waiting for a device that is down. What a device did not take before it went is sent
  // again, as the real server does: the mock one forgets it when that happens while it empties its
  // queue.
  const deliver = (target, message) => send(target, message).catch(() => deliver(target, message));
  server.send = async (target, message) => {
    deliver(target, message);
  };
  await server.listen(port, '127.0.0.1');
  bridge(server);
  const stage = new Stage(server);
  const auth = server.auth.bind(server);
  server.auth = async (...credentials) => {
    const device = await auth(...credentials);
    return stage.removed.has(device) ? undefined : device;
  };
  await stage.enter();
  http
    .createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      try {
        const asked = JSON.parse(Buffer.concat(chunks).toString());
        response.end(JSON.stringify(await stage.perform(asked)));
      } catch (error) {
        response.statusCode = 500;
        response.end(JSON.stringify({ error: String(error.stack || error) }));
      }
    })
    .listen(controlPort, '127.0.0.1', () => console.log('ready'));
}

// The people: Alice is the custodian, whose second device is archived; the others write with her.
class Stage {
  constructor(server) {
    this.server = server;
    this.people = {};
    this.sent = new Map();
    this.removed = new Set();
    this.group = null;
    // The devices that are archived, by whose they are; Alice's is meant where nobody is named.
    this.devices = {};
    this.clock = 0;
  }

  async enter() {
    const { server, people } = this;
    people.bob = await server.createPrimaryDevice({ profileName: 'Bob Client' });
    people.carol = await server.createPrimaryDevice({ profileName: 'Carol Client' });
    people.dave = await server.createPrimaryDevice({ profileName: 'Dave New' });
    people.alice = await server.createPrimaryDevice({
      profileName: 'Alice Employee',
      contacts: [people.bob, people.carol],
    });
    // Telephones say where the list of contacts lies; the mock server leaves it out, and signal-cli
    // fails on that.
    people.alice.contactsBlob = { ...people.alice.contactsBlob, cdnNumber: 2 };
  }

  async perform(asked) {
    const act = `do_${asked.do.replaceAll('-', '_')}`;
    if (typeof this[act] !== 'function') throw new Error(`no act ${asked.do}`);
    return (await this[act](asked)) || {};
  }

  // A time that no other event has: it is the event's name.
  now() {
    this.clock = Math.max(this.clock + 1, Date.now());
    return this.clock;
  }

  id(name) {
    return `aci:${this.people[name].device.aci}`;
  }

  get linked() {
    return this.devices.alice;
  }

  async do_link({ address, who = 'alice' }) {
    const provision = await this.server.waitForProvision();
    const primaryDevice = this.people[who];
    this.devices[who] = await provision.complete({ provisionURL: address, primaryDevice });
    // The device's keys reach the people who write to it.
    for (const name of ['bob', 'carol', 'dave']) {
      await this.people[name].addSingleUseKey(this.devices[who], await this.devices[who].popSingleUseKey());
    }
    return { account: this.id(who), number: primaryDevice.device.number };
  }

  // More custodians, each with a telephone.
  async do_custodians({ count }) {
    const names = [];
    for (let number = 1; number <= count; number += 1) {
      const name = `custodian-${number}`;
      this.people[name] = await this.server.createPrimaryDevice({
        profileName: `Custodian ${number}`,
        contacts: [this.people.bob],
      });
      const { contactsBlob } = this.people[name];
      this.people[name].contactsBlob = { ...contactsBlob, cdnNumber: 2 };
      names.push(name);
    }
    return { names };
  }

  // Bob writes to one of them.
  async do_text_to({ at, text }) {
    const timestamp = this.now();
    const content = { dataMessage: { timestamp: Long.fromNumber(timestamp), body: text } };
    await this.people.bob.sendRaw(this.devices[at], content, { timestamp });
    return { at: timestamp };
  }

  // What the server does when a telephone removes a linked device: it is not let in any more.
  async do_unlink({ who = 'alice' }) {
    const device = this.devices[who];
    delete this.devices[who];
    this.removed.add(device);
    for (const connection of connections) if (connection.device === device) connection.ws.close();
    return {};
  }

  async do_people() {
    return Object.fromEntries(Object.keys(this.people).map((name) => [name, this.id(name)]));
  }


  // How often the people were told the text, each by itself: what they saw, not what was recorded.
  async do_told({ text }) {
    const told = {};
    for (const [name, person] of Object.entries(this.people)) {
      told[name] = 0;
      while (person.getMessageQueueSize() > 0) {
        const { body, dataMessage } = await person.waitForMessage();
        told[name] += body.includes(text) && !dataMessage?.groupV2 ? 1 : 0;
      }
    }
    return told;
  }

  async say(asked, content, kind, suffix) {
    const timestamp = this.now();
    const by = this.people[asked.by];
    const message = content(Long.fromNumber(timestamp), timestamp);
    const own = asked.by === 'alice';
    const inGroup = asked.in === 'group';
    const wrapped = own ? this.fromPhone(asked, message, Long.fromNumber(timestamp)) : message;
    await by.sendRaw(this.linked, wrapped, { timestamp, sealed: asked.sealed === true });
    this.sent.set(asked.id, { by: asked.by, timestamp });
    const device = suffix === undefined ? '' : '.1';
    const author = this.id(asked.by);
    const other = own ? this.id(asked.to || 'bob') : author;
    return {
      at: timestamp,
      expect: {
        kind,
        source: `${author}${device}/${timestamp}${suffix || ''}`,
        conversation: inGroup ? `group:${this.group.id}` : other,
      },
    };
  }

  // What Alice does on her telephone reaches her other devices as a transcript.
  fromPhone(asked, content, timestamp) {
    const to = asked.in === 'group' ? {} : this.address(asked.to || 'bob');
    const sent = { ...to, timestamp };
    if (content.editMessage) return { syncMessage: { sent: { ...sent, editMessage: content.editMessage } } };
    return { syncMessage: { sent: { ...sent, message: content.dataMessage } } };
  }

  address(name) {
    const { aci, number } = this.people[name].device;
    return { destinationServiceId: aci, destinationE164: number };
  }

  place(asked) {
    if (asked.in !== 'group') return {};
    return { groupV2: { masterKey: this.group.masterKey, revision: this.group.revision } };
  }

  data(asked, kind, content) {
    return this.say(
      asked,
      (timestamp) => ({ dataMessage: { timestamp, ...this.place(asked), ...content } }),
      kind,
    );
  }

  target(asked) {
    const sent = this.sent.get(asked.of);
    if (!sent) throw new Error(`${asked.id} is about ${asked.of}, which was not sent`);
    return { aci: this.people[sent.by].device.aci, timestamp: Long.fromNumber(sent.timestamp) };
  }

  do_text(asked) {
    return this.data(asked, 'message', { body: asked.text });
  }

  do_expiring(asked) {
    const timer = { expireTimer: asked.seconds, expireTimerVersion: 2 };
    return this.data(asked, 'message', { body: asked.text, ...timer });
  }

  do_timer(asked) {
    return this.data(asked, 'change', { expireTimer: asked.seconds, expireTimerVersion: 3, flags: 2 });
  }

  do_view_once(asked) {
    return this.data(asked, 'message', { isViewOnce: true, attachments: [] });
  }

  do_edit(asked) {
    const target = this.target(asked);
    return this.say(
      asked,
      (timestamp) => ({
        editMessage: {
          targetSentTimestamp: target.timestamp,
          dataMessage: { timestamp, body: asked.text, ...this.place(asked) },
        },
      }),
      'edit',
    );
  }

  do_reaction(asked) {
    const target = this.target(asked);
    const reaction = {
      emoji: asked.emoji,
      remove: asked.remove === true,
      targetAuthorAci: target.aci,
      targetSentTimestamp: target.timestamp,
    };
    return this.data(asked, 'reaction', { reaction });
  }

  do_delete(asked) {
    return this.data(asked, 'delete', { delete: { targetSentTimestamp: this.target(asked).timestamp } });
  }

  do_quote(asked) {
    const target = this.target(asked);
    const quote = { id: target.timestamp, authorAci: target.aci, text: asked.quoted };
    return this.data(asked, 'message', { body: asked.text, quote });
  }

  do_mention(asked) {
    const start = asked.text.indexOf('\uFFFC');
    const mentionAci = this.people[asked.who].device.aci;
    return this.data(asked, 'message', { body: asked.text, bodyRanges: [{ start, length: 1, mentionAci }] });
  }

  do_styled(asked) {
    const bodyRanges = [{ start: 0, length: asked.text.length, style: 1 }];
    return this.data(asked, 'message', { body: asked.text, bodyRanges });
  }

  do_contact(asked) {
    const number = [{ value: '+14155550100', type: 2 }];
    const name = { givenName: asked.name, familyName: 'Example' };
    return this.data(asked, 'message', { contact: [{ name, number }] });
  }

  do_sticker(asked) {
    const sticker = { packId: Buffer.alloc(16, 1), packKey: Buffer.alloc(32, 2), stickerId: 3, emoji: asked.emoji };
    return this.data(asked, 'message', { sticker });
  }

  async do_file(asked) {
    const bytes = Buffer.alloc(asked.bytes, asked.id);
    const encrypted = encryptAttachment(bytes);
    const key = await this.server.storeAttachment(encrypted.blob);
    const pointer = {
      ...attachmentToPointer(key, encrypted),
      cdnNumber: 2,
      contentType: asked.type,
      fileName: asked.name,
      uploadTimestamp: Long.fromNumber(this.now()),
    };
    const answer = await this.data(asked, 'message', { body: asked.text, attachments: [pointer] });
    answer.expect.file = crypto.createHash('sha256').update(bytes).digest('hex');
    return answer;
  }

  do_typing(asked) {
    const content = (timestamp) => ({ typingMessage: { timestamp, action: 0 } });
    return this.say(asked, content, 'activity', '/typing');
  }

  do_call(asked) {
    const id = Long.fromNumber(123456789);
    const steps = {
      offer: [{ offer: { id, type: 0, opaque: Buffer.from('aa') } }, '/offerMessage'],
      answer: [{ answer: { id, opaque: Buffer.from('aa') } }, '/answerMessage'],
      busy: [{ busy: { id } }, '/busyMessage'],
      hangup: [{ hangup: { id, type: 0, deviceId: 0 } }, '/hangupMessage'],
    };
    const [callMessage, suffix] = steps[asked.step];
    return this.say(asked, () => ({ callMessage }), 'call', suffix);
  }

  async do_receipt(asked) {
    const target = this.sent.get(asked.of);
    const timestamp = this.now();
    const type = asked.state === 'read' ? 'Read' : 'Delivery';
    const messageTimestamps = [target.timestamp];
    await this.people[asked.by].sendReceipt(this.linked, { type, messageTimestamps, timestamp });
    const author = this.id(asked.by);
    return {
      at: timestamp,
      expect: {
        kind: 'receipt',
        source: `${author}.1/${timestamp}/${asked.state}`,
        conversation: author,
      },
    };
  }

  async do_read_on_phone(asked) {
    const target = this.sent.get(asked.of);
    const timestamp = this.now();
    const messages = [{ senderAci: this.people[target.by].device.aci, timestamp: target.timestamp }];
    const { alice } = this.people;
    await this.server.send(this.linked, await alice.encryptSyncRead(this.linked, { timestamp, messages }));
    return {
      at: timestamp,
      expect: {
        kind: 'receipt',
        source: `${this.id('alice')}.1/${timestamp}`,
        conversation: this.id(target.by),
      },
    };
  }

  // Members and revisions are told apart by the archive: it compares what it is shown.
  async do_group_create(asked) {
    const at = this.now();
    const members = asked.members.map((name) => this.people[name]);
    this.group = await this.people[asked.by].createGroup({ title: asked.title, members });
    return { at };
  }

  async do_group_invite(asked) {
    const timestamp = this.now();
    this.group = await this.people[asked.by].inviteToGroup(this.group, this.people[asked.who].device, {
      timestamp,
      sendUpdateTo: [{ device: this.linked }],
    });
    return {
      at: timestamp,
      expect: { kind: 'membership', conversation: `group:${this.group.id}`, names: this.id(asked.who) },
    };
  }

  async do_roster(asked) {
    const names = this.id(asked.who);
    return { at: this.now(), expect: { kind: 'roster', conversation: `group:${this.group.id}`, names } };
  }

  async do_story(asked) {
    const encrypted = encryptAttachment(Buffer.alloc(512, asked.id));
    const key = await this.server.storeAttachment(encrypted.blob);
    const fileAttachment = {
      ...attachmentToPointer(key, encrypted),
      cdnNumber: 2,
      contentType: 'image/jpeg',
      uploadTimestamp: Long.fromNumber(this.now()),
    };
    const answer = await this.say(
      asked,
      () => ({ storyMessage: { allowsReplies: true, fileAttachment } }),
      'message',
    );
    answer.expect.conversation = `story:${this.id(asked.by)}`;
    return answer;
  }
}

// signal-cli wants an id and a time of the server in every envelope.
function stampEnvelopes() {
  const { encode } = proto.Envelope;
  proto.Envelope.encode = function stamped(message, writer) {
    if (message.serverGuid) return encode.call(this, message, writer);
    const serverTimestamp = message.serverTimestamp || Long.fromNumber(Date.now());
    return encode.call(this, { ...message, serverGuid: crypto.randomUUID(), serverTimestamp }, writer);
  };
}

// A device that renews only its single-use keys names the others as null.
function allowMissingKeys() {
  const { parse } = DeviceKeysSchema;
  DeviceKeysSchema.parse = (keys) => {
    const given = Object.entries(keys).filter(([, value]) => value !== null);
    return parse.call(DeviceKeysSchema, Object.fromEntries(given));
  };
}

// Open connections of devices.
const connections = new Set();

// What signal-cli asks of the server at its start, and the mock server does not have.
function addRoutes() {
  const { start } = Connection.prototype;
  Connection.prototype.start = function withRoutes(...rest) {
    connections.add(this);
    this.ws.once('close', () => connections.delete(this));
    more(this.router);
    return start.apply(this, rest);
  };
  // signal-cli answers a provisioning address by nothing at all.
  const base = Object.getPrototypeOf(Connection.prototype);
  const { send } = base;
  Connection.prototype.send = function untold(verb, where, options) {
    const answer = send.call(this, verb, where, options);
    const provisioning = where === '/v1/message' && String(this.request?.url).includes('provisioning');
    if (where !== '/v1/address' && !provisioning) return answer;
    answer.catch(() => {});
    return Promise.resolve({ status: 200, message: 'OK' });
  };
}

function more(router) {
  router.put('/v1/accounts/attributes', async () => [200, {}]);
}

// The routes of the web socket, over plain HTTPS too.
function bridge(server) {
  const { https } = server;
  const former = https.listeners('request').slice();
  https.removeAllListeners('request');
  https.on('request', async (request, response) => {
    try {
      response.setHeader('X-Signal-Timestamp', String(Date.now()));
      if (/\/v[12]\/groups\/$/.test(request.url)) request.url = request.url.slice(0, -1);
      if (request.url.endsWith('/manifest/version/-1')) request.url = '/storageService/v1/storage/manifest';
      const socket = Object.assign(new events.EventEmitter(), { send() {}, close() {} });
      const connection = new Connection(request, socket, server);
      more(connection.router);
      const { pathname } = new URL(request.url, 'http://localhost');
      const known = connection.router.routes.some(
        (route) => route.method === request.method && route.pattern.match(pathname),
      );
      if (!known) return former.forEach((listener) => listener(request, response));
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const [, credentials] = /^Basic (.*)$/.exec(request.headers.authorization || '') || [];
      if (credentials) {
        const [name, password] = Buffer.from(credentials, 'base64').toString().split(/:(.*)/s);
        const device = await server.auth(name, password).catch(() => undefined);
        if (device) {
          connection.device = device;
          connection.router.setIsAuthenticated(true);
        }
      }
      const answer = await connection.router.run({
        verb: request.method,
        path: request.url,
        body: body.length ? body : undefined,
        headers: Object.entries(request.headers).map(([name, value]) => `${name}:${value}`),
      });
      response.statusCode = answer.status;
      for (const header of answer.headers) {
        const at = header.indexOf(':');
        response.setHeader(header.slice(0, at), header.slice(at + 1));
      }
      response.end(answer.body);
    } catch (error) {
      console.error('bridge', request.method, request.url, error.message);
      response.statusCode = 500;
      response.end();
    }
  });
}
