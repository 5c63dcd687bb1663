// The live page: one document of all instances, kept true by merge patches (RFC 7396) that come each second.
// Whatever comes from the application is written as text: no markup is ever made of it.

const at = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat('en-GB', {maximumFractionDigits: 0});
const few = new Intl.NumberFormat('en-GB', {maximumSignificantDigits: 3});
const short = new Intl.NumberFormat('en-GB', {maximumSignificantDigits: 3, notation: 'compact'});
const PAGE_ROWS = 100;
const LARGEST_MATRIX = 3000;
const SHARES = ['busy', 'idle', 'blocked', 'committing', 'restoring'];
const AGAIN_MS = 2000;
const PAST = 120;
const HIDDEN_MS = 60000;
const SILENT_MS = 5000;
const SIGNS = {RUNNING: '●', REBALANCING: '◐', CREATED: '○', RESTORING: '◐'};
const GOOD = {RUNNING: 'good', REBALANCING: 'warn', CREATED: 'warn'};
const SVG = 'http://www.w3.org/2000/svg';
const DRAWN = new Set(['svg', 'title', 'g', 'rect', 'path', 'text', 'tspan']);

let doc = {};
let topology = {picture: '', cards: {}, boxes: {}};

// texts

/** A text in which nothing hides: control characters and those that turn the direction are written out. */
function plain(text) {
  return String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (one) => '\\u' + one.codePointAt(0).toString(16).padStart(4, '0'));
}

function set(node, text) {
  const words = plain(text);
  if (node.textContent !== words) node.textContent = words;
}

function look(node, name) {
  if (node.getAttribute('class') !== name) node.setAttribute('class', name);
}

function made(tag, name = '', text = '') {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== '') node.textContent = plain(text);
  return node;
}

function drawn(tag, name, attributes = {}) {
  const node = document.createElementNS(SVG, tag);
  node.setAttribute('class', name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function span(seconds) {
  if (seconds === undefined) return '';
  if (seconds < 90) return `${few.format(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${few.format(seconds / 3600)} h`;
}

/** A figure, or a sign that nobody knows it yet. */
const figure = (value, form = few) => value === undefined ? '…' : form.format(value);
const clock = (ms) => new Date(ms).toLocaleTimeString('en-GB');
const said = (state) => `${SIGNS[state] || '✕'} ${state}`;
const total = (counts) => Object.values(counts || {}).reduce((sum, one) => sum + one, 0);
const causes = (counts) => Object.entries(counts || {}).map(([cause, n]) => `${whole.format(n)} ${cause}`).join(', ');

/** Children of a node by key, made where there is none, in the order of the keys; others go. */
function keep(parent, keys, make) {
  const known = parent.kept || (parent.kept = new Map());
  const wanted = new Set(keys);
  for (const [key, node] of known) if (!wanted.has(key)) { node.remove(); known.delete(key); }
  let before = null;
  for (const key of keys) {
    let node = known.get(key);
    if (!node) { node = make(key); known.set(key, node); }
    const next = before ? before.nextSibling : parent.firstChild;
    if (node !== next) parent.insertBefore(node, next);
    before = node;
  }
  return known;
}

function row(columns) {
  return () => {
    const line = made('tr');
    for (const name of columns) line.append(made('td', name));
    return line;
  };
}

// the connection

/** What is sent with each question: the token, where the application wants one. It is in no address. */
function headers() {
  const token = sessionStorage.getItem('streams-token');
  return token ? {Authorization: `Bearer ${token}`} : {};
}

async function ask(path, signal) {
  const answer = await fetch(path, {headers: headers(), cache: 'no-store', credentials: 'omit', signal});
  if (answer.status === 401) {
    sessionStorage.removeItem('streams-token');
    at('ask-token').hidden = false;
    throw new Error('The token is missing, or another one is wanted.');
  }
  return answer;
}

/** Makes of a document what a merge patch says. */
function patched(before, patch) {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const now = before !== null && typeof before === 'object' && !Array.isArray(before) ? before : Object.create(null);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete now[name];
    else now[name] = patched(Object.hasOwn(now, name) ? now[name] : undefined, value);
  }
  return now;
}

function take(event) {
  let name = '', data = '';
  for (const line of event.split('\n')) {
    if (line.startsWith('event: ')) name = line.slice(7);
    if (line.startsWith('data: ')) data += line.slice(6);
  }
  if (!data) return;
  if (name === 'whole') doc = patched(Object.create(null), JSON.parse(data));
  if (name === 'change') patched(doc, JSON.parse(data));
  heard = Date.now();
  if (!due) { due = true; requestAnimationFrame(() => { due = false; measured(show); }); }
}

/** Does it, and says how long it took to who looks at the browser's performance. */
function measured(what) {
  const start = performance.now();
  what();
  performance.clearMeasures(what.name);
  performance.measure(what.name, {start});
}

let due = false;
let heard = Date.now();
let stream = null;
let again = 0;

async function listen() {
  clearTimeout(again);
  const mine = stream = new AbortController();
  try {
    await fetchTopology(topology.picture ? folded() : null); // another version may run now
    if (!stores.length) await fetchStores();
    const answer = await ask('/console/events', mine.signal);
    if (!answer.ok) throw new Error(`It answers ${answer.status}.`);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const {value, done} = await reader.read();
      if (done) throw new Error('The instance has ended.');
      const events = (rest + value).split('\n\n');
      rest = events.pop();
      events.forEach(take);
    }
  } catch (error) {
    if (stream !== mine || document.hidden && mine.signal.aborted) return;
    if (!at('ask-token').hidden) return; // whoever has the token goes on
    lost(error.message);
    again = setTimeout(listen, AGAIN_MS);
  }
}

function lost(why) {
  const band = at('lost');
  set(band, `Not connected since ${clock(heard)}: what stands here is old. ${why || ''}`);
  band.hidden = false;
  look(at('figures'), 'old');
}

function found() {
  at('lost').hidden = true;
  look(at('figures'), '');
}

setInterval(() => { if (!document.hidden && at('ask-token').hidden && Date.now() - heard > SILENT_MS) lost('Nothing has come.'); }, 1000);

let hiding = 0;
document.addEventListener('visibilitychange', () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(() => { if (stream) stream.abort(); }, HIDDEN_MS);
  else if (!stream || stream.signal.aborted) listen();
});

at('ask-token').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem('streams-token', at('token').value);
  at('token').value = '';
  at('ask-token').hidden = true;
  listen();
});

// the summary

function show() {
  found();
  document.title = plain(`${doc.application} – ${doc.state}`);
  set(at('application'), doc.application);
  const state = at('state');
  if (state.textContent && state.textContent !== said(doc.state)) set(at('announced'), `The application is ${doc.state}.`);
  set(state, said(doc.state));
  look(state, `state ${GOOD[doc.state] || 'bad'}`);
  const instances = Object.entries(doc.instances);
  const answering = instances.filter(([, one]) => one.answers).length;
  set(at('seen'), `Seen by ${doc.seen_by} at ${clock(doc.at_ms)}; ${answering} of ${instances.length} instances answer.`);
  showTotals();
  showInstances(instances);
  showPicture();
  showTasks();
  showRebalances();
}

/** Of the last two minutes, since the page was opened. */
const past = {};

function showTotals() {
  const t = doc.totals;
  const rows = {
    'Records/s in': [figure(t.rate), `${whole.format(t.processed)} in all`, t.rate],
    'Records/s out': [figure(t.written_rate), 'sent to topics', t.written_rate],
    Lag: [figure(t.lag, whole), t.lag_s === undefined ? 'records' : `records, ${span(t.lag_s)} behind`, t.lag],
    Freshness: [t.fresh_s === undefined ? '…' : span(t.fresh_s), 'age of the oldest output', t.fresh_s],
    Dropped: [whole.format(total(t.dropped)), causes(t.dropped) || 'nothing'],
    'Dead letters': [whole.format(t.dead_letters), t.dead_letters ? 'made' : 'none'],
  };
  if (t.to_restore) {
    const left = t.left_s === undefined ? '' : `, about ${span(t.left_s)} left`;
    rows.Restored = [`${few.format(100 * t.restored / t.to_restore)} %`,
      `${whole.format(t.restored)} of ${whole.format(t.to_restore)}${left}`];
  }
  const boxes = keep(at('totals'), Object.keys(rows), (name) => {
    const box = made('div');
    const value = made('dd');
    value.append(made('span'), made('small'));
    box.append(made('dt', '', name), value);
    box.dataset.figure = name;
    if (rows[name].length > 2) {
      const line = drawn('svg', 'past', {viewBox: `0 0 ${PAST - 1} 20`, preserveAspectRatio: 'none', 'aria-hidden': 'true'});
      line.append(drawn('path', 'trend', {d: ''}));
      value.append(line);
    }
    return box;
  });
  for (const [name, [large, small, value]] of Object.entries(rows)) {
    const [shown, words, line] = boxes.get(name).lastChild.children;
    set(shown, large);
    set(words, small);
    if (line && value !== undefined) trend(line.firstChild, past[name] ||= [], value);
  }
  look(boxes.get('Dropped'), total(t.dropped) ? 'warned' : '');
  look(boxes.get('Dead letters'), t.dead_letters ? 'warned' : '');
  const reasons = Object.entries(doc.instances).flatMap(([endpoint, one]) => one.reasons.map((why) => `${endpoint || 'this instance'}: ${why}`));
  const list = keep(at('reasons'), reasons, () => made('li'));
  for (const why of reasons) set(list.get(why), why);
}

function trend(path, values, value) {
  values.push(value);
  if (values.length > PAST) values.shift();
  const most = Math.max(...values, 1e-9);
  const points = values.map((one, i) => `${PAST - values.length + i} ${(19 - 18 * one / most).toFixed(1)}`);
  path.setAttribute('d', points.length > 1 ? `M${points.join('L')}` : '');
}

function showInstances(instances) {
  const body = at('instances').tBodies[0];
  const known = keep(body, instances.map(([name]) => name), row(['', '', 'n', 'n', 'n', 'n', '']));
  instances.forEach(([name, one], place) => {
    const cells = known.get(name).cells;
    badged(cells[0], place, name);
    set(cells[1], one.answers ? said(one.state) : one.seen_ms ? `✕ no answer since ${clock(one.seen_ms)}` : "✕ no answer");
    look(cells[1], one.answers ? GOOD[one.state] || 'bad' : 'bad');
    set(cells[2], `${one.running} of ${one.tasks}`);
    set(cells[3], one.answers ? figure(one.rate) : '');
    set(cells[4], whole.format(one.lag));
    set(cells[5], whole.format(one.processed));
    const bars = keep(cells[6], Object.keys(one.workers), () => {
      const bar = drawn('svg', 'bar', {viewBox: '0 0 100 6', preserveAspectRatio: 'none', role: 'img'});
      bar.append(drawn('title', ''), ...SHARES.map((share) => drawn('rect', share, {y: 0, height: 6})));
      return bar;
    });
    for (const [worker, told] of Object.entries(one.workers)) {
      const [title, ...parts] = bars.get(worker).children;
      let x = 0;
      SHARES.forEach((share, i) => {
        const wide = 100 * (told.shares[share] || 0);
        parts[i].setAttribute('x', x.toFixed(1));
        parts[i].setAttribute('width', wide.toFixed(1));
        x += wide;
      });
      set(title, `${worker}, ${told.state}, ${told.doing.toLowerCase().replaceAll('_', ' ')}: ${SHARES.map((s) => `${s} ${few.format(100 * (told.shares[s] || 0))} %`).join(', ')}`);
    }
  });
}

// the topology

async function fetchTopology(fold = null) {
  const answer = await ask(`/console/topology${fold ? `?fold=${fold.join(',')}` : ''}`);
  if (!answer.ok) return;
  topology = await answer.json();
  pointed = '';
  const parsed = new DOMParser().parseFromString(topology.picture, 'image/svg+xml').documentElement;
  const box = at('picture');
  box.replaceChildren(trusted(parsed));
  for (const part of box.querySelectorAll('[data-card], [data-box]')) {
    part.setAttribute('tabindex', '-1');
    part.setAttribute('role', 'button');
  }
  const first = box.querySelector('[data-card]');
  if (first) first.setAttribute('tabindex', '0');
}

const folded = () => Object.keys(topology.boxes).filter((one) => topology.boxes[one].folded);

/** Makes one card of a sub-topology, or shows what is in it. */
async function fold(number) {
  await fetchTopology(Object.keys(topology.boxes).filter((one) => topology.boxes[one].folded !== (one === number)));
  if (doc.totals) show();
}

const boxOf = (part) => part.dataset.box ?? String(topology.cards[part.dataset.card].box ?? '');

at('picture').addEventListener('click', async (event) => {
  const part = event.target.closest('[data-card], [data-box]');
  if (!part) return;
  const number = boxOf(part);
  if (!number) { tell(part.dataset.card); return; }
  await fold(number);
  const now = [...at('picture').querySelectorAll('[data-card], [data-box]')].find((one) => boxOf(one) === number);
  if (now) walk(null, now);
});
for (const kind of ['focusin', 'pointerover']) {
  at('picture').addEventListener(kind, (event) => {
    const card = event.target.closest('[data-card]');
    if (card && card.dataset.card !== pointed) tell(card.dataset.card);
  });
}
at('picture').addEventListener('keydown', (event) => {
  const part = event.target.closest('[data-card], [data-box]');
  if (!part) return;
  const all = [...at('picture').querySelectorAll('[data-card], [data-box]')];
  const to = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
  if (to) walk(part, all[(all.indexOf(part) + to + all.length) % all.length]);
  else if (event.key === 'Enter' || event.key === ' ') part.dispatchEvent(new MouseEvent('click', {bubbles: true}));
  else return;
  event.preventDefault();
});

/** One stop for the tabulator: arrows go from there. */
function walk(from, to) {
  for (const one of [from, at('picture').querySelector('[tabindex="0"]')]) if (one) one.setAttribute('tabindex', '-1');
  to.setAttribute('tabindex', '0');
  to.focus();
}

/** A copy of a picture that has nothing but shapes and words, whoever has sent it. */
function trusted(node) {
  if (!DRAWN.has(node.localName)) return document.createTextNode('');
  const copy = document.createElementNS(SVG, node.localName);
  for (const {name, value} of node.attributes) {
    if (/^(class|data-card|data-box|viewBox|width|height|x|y|rx|d|text-anchor|font-size)$/.test(name)) copy.setAttribute(name, value);
  }
  for (const child of node.childNodes) copy.append(child.nodeType === Node.TEXT_NODE ? child.data : child.nodeType === Node.ELEMENT_NODE ? trusted(child) : '');
  return copy;
}

let pointed = '';

function tell(place) {
  pointed = place;
  const card = topology.cards[place];
  set(at('told'), [...card.hover, figures(card).join('; ')].filter(Boolean).join('\n'));
}

const topicOf = (card) => card.topic === undefined ? undefined : (doc.topics || {})[card.topic];

/** All figures of a card, in words. */
function figures(card) {
  const words = [];
  const topic = topicOf(card);
  if (topic) {
    if (topic.written !== undefined) words.push(`${few.format(topic.written)}/s written`);
    if (topic.read !== undefined) words.push(`${few.format(topic.read)}/s read`);
    if (topic.lag !== undefined) words.push(`lag ${whole.format(topic.lag)} (${span(topic.lag_s || 0)})`);
  }
  for (const name of card.nodes) {
    const node = (doc.nodes || {})[name];
    if (node && node.dropped) words.push(`${name} has dropped ${causes(node.dropped)}`);
    if (node && node.fresh_s !== undefined) words.push(`${span(node.fresh_s)} old at most`);
  }
  return words;
}

/** What there is room for on the card: 24 letters. */
function live(card) {
  const topic = topicOf(card);
  const dropped = card.nodes.reduce((sum, name) => sum + total((doc.nodes[name] || {}).dropped), 0);
  const words = [];
  if (topic) {
    const rate = topic.read ?? topic.written;
    if (rate !== undefined) words.push(`${short.format(rate)}/s`);
    if (topic.lag) words.push(`lag ${short.format(topic.lag)}${topic.lag_s ? ` ${span(topic.lag_s)}` : ''}`);
    return words.join('  ');
  }
  const tasks = card.box === undefined ? undefined : tasksOf(topology.boxes[card.box]);
  if (tasks) words.push(`${tasks.running} of ${tasks.all} run`);
  if (dropped) words.push(`✕ ${short.format(dropped)} dropped`);
  else if (tasks) words.push(`${figure(tasks.rate, short)}/s`);
  return words.join('  ');
}

/** How the tasks of a sub-topology are; a global store has none. */
function tasksOf(box) {
  if (box.tasks === undefined) return undefined;
  const tasks = Object.entries(doc.tasks).filter(([id]) => id.startsWith(box.tasks)).map(([, task]) => task);
  const rates = tasks.map((task) => task.rate).filter((rate) => rate !== undefined);
  return {
    all: tasks.length, running: tasks.filter((task) => task.state === 'RUNNING').length,
    rate: rates.length ? rates.reduce((a, b) => a + b) : undefined,
  };
}

function showPicture() {
  for (const card of at('picture').querySelectorAll('[data-card]')) {
    const line = card.querySelector('.live');
    const told = topology.cards[card.dataset.card];
    if (!line) continue;
    const text = live(told);
    set(line, text);
    look(line, `small live${text.includes('✕') || text.includes('lag') ? ' marked' : ''}`);
  }
  if (pointed) tell(pointed);
  const boxes = Object.keys(topology.boxes).sort((a, b) => a - b);
  const buttons = keep(at('boxes'), boxes.length > 1 ? boxes : [], (number) => {
    const button = made('button');
    button.type = 'button';
    button.addEventListener('click', () => fold(number));
    return button;
  });
  for (const [number, button] of buttons) {
    const box = topology.boxes[number];
    const tasks = tasksOf(box);
    const how = tasks ? `: ${tasks.running} of ${tasks.all} tasks run, ${figure(tasks.rate)} records/s` : '';
    set(button, `${box.folded ? '▸' : '▾'} ${box.title}${how}`);
    button.setAttribute('aria-expanded', String(!box.folded));
  }
}

// tasks

function letter(place) {
  return place < 26 ? String.fromCharCode(65 + place) : letter(Math.floor(place / 26) - 1) + letter(place % 26);
}

/** An instance by its letter and colour. */
function badged(node, place, name) {
  if (!node.firstChild) node.append(made('span'), made('span'));
  const [badge, words] = node.children;
  look(badge, `badge i${place % 8}`);
  set(badge, letter(place));
  set(words, ` ${name || 'this instance'}`);
}

const parts = (id) => id.split('_').map(Number);
const inOrder = (a, b) => parts(a)[0] - parts(b)[0] || parts(a)[1] - parts(b)[1];

function words(id, task) {
  const restored = task.to_restore ? `, ${few.format(100 * task.restored / task.to_restore)} % restored` : '';
  return `${id}: ${task.state}${restored}${task.at ? ` at ${task.at}` : ''}`;
}

function showTasks() {
  const instances = Object.keys(doc.instances);
  const places = new Map(instances.map((name, place) => [name, place]));
  const ids = Object.keys(doc.tasks).sort(inOrder);
  const legend = keep(at('legend'), instances, () => made('li'));
  instances.forEach((name, place) => badged(legend.get(name), place, name));
  const subs = [...new Set(ids.map((id) => String(parts(id)[0])))];
  const lines = ids.length * instances.length <= LARGEST_MATRIX ? [...instances, 'nobody'] : ['all'];
  const grids = keep(at('matrix'), subs, (sub) => {
    const grid = made('div', 'grid');
    const body = made('div');
    body.setAttribute('role', 'grid');
    body.setAttribute('aria-label', `Tasks of sub-topology ${sub}`);
    grid.append(made('h3', '', `Sub-topology ${sub}`), body);
    return grid;
  });
  for (const sub of subs) {
    const mine = ids.filter((id) => String(parts(id)[0]) === sub);
    const idle = mine.some((id) => !places.has(doc.tasks[id].at));
    const body = grids.get(sub).lastChild;
    const rows = keep(body, lines.filter((name) => name !== 'nobody' || idle), (name) => {
      const line = made('div', 'line');
      line.setAttribute('role', 'row');
      const whose = made('span', 'whose', name === 'all' ? '' : name || 'this instance');
      whose.setAttribute('role', 'rowheader');
      const cells = made('span', 'cells');
      cells.setAttribute('role', 'presentation');
      line.append(whose, cells);
      return line;
    });
    for (const [name, line] of rows) {
      const cells = keep(line.lastChild, mine, (id) => {
        const cell = made('button');
        cell.type = 'button';
        cell.dataset.task = id;
        cell.tabIndex = -1;
        cell.setAttribute('role', 'gridcell');
        return cell;
      });
      for (const id of mine) paint(cells.get(id), id, name, places);
    }
    const first = body.querySelector('button');
    if (first && !body.querySelector('[tabindex="0"]')) first.tabIndex = 0;
  }
  showRows(ids);
}

function paint(cell, id, line, places) {
  const task = doc.tasks[id];
  const place = places.get(task.at);
  const here = line === 'all' || (place === undefined ? line === 'nobody' : line === task.at);
  if (!here) {
    set(cell, '');
    look(cell, '');
    if (cell.getAttribute('aria-label') !== id) { cell.setAttribute('aria-label', id); cell.removeAttribute('title'); }
    return;
  }
  const colour = place === undefined ? '' : `i${place % 8}`;
  const running = line === 'all' ? letter(place ?? 0) : String(parts(id)[1]);
  set(cell, task.state === 'RUNNING' ? running : task.state === 'RESTORING' ? '◐' : '✕');
  look(cell, `mine ${colour} ${task.state}`);
  const text = plain(words(id, task));
  if (cell.title !== text) { cell.title = text; cell.setAttribute('aria-label', text); }
}

at('matrix').addEventListener('keydown', (event) => {
  const cell = event.target.closest('button[data-task]');
  if (!cell) return;
  const line = cell.closest('.line');
  const there = (other) => other && [...other.lastChild.children].find((one) => one.dataset.task === cell.dataset.task);
  const to = {
    ArrowRight: () => cell.nextElementSibling, ArrowLeft: () => cell.previousElementSibling,
    ArrowDown: () => there(line.nextElementSibling), ArrowUp: () => there(line.previousElementSibling),
    Home: () => cell.parentElement.firstElementChild, End: () => cell.parentElement.lastElementChild,
  }[event.key];
  const next = to && to();
  if (!next) return;
  event.preventDefault();
  cell.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

at('matrix').addEventListener('click', (event) => {
  const cell = event.target.closest('button[data-task]');
  if (cell) { at('filter').value = cell.dataset.task; showRows(Object.keys(doc.tasks).sort(inOrder)); }
});

const COLUMNS = [
  ['Task', '', (id) => id, (id) => parts(id)[0] * 1e6 + parts(id)[1]],
  ['Instance', '', (id, task) => task.at || 'nobody'],
  ['State', '', (id, task) => (SIGNS[task.state] || '✕') + ' ' + task.state],
  ['Records/s', 'n', (id, task) => task.at ? figure(task.rate) : '', (id, task) => task.rate || 0],
  ['Lag', 'n', (id, task) => task.lag === undefined ? '' : whole.format(task.lag), (id, task) => task.lag || 0],
  ['Behind', 'n', (id, task) => span(task.lag_s), (id, task) => task.lag_s || 0],
  ['Restored', 'n', (id, task) => task.to_restore ? `${few.format(100 * task.restored / task.to_restore)} %` : '',
    (id, task) => task.to_restore ? task.restored / task.to_restore : 2],
  ['Left', 'n', (id, task) => span(task.left_s), (id, task) => task.left_s || 0],
];
let sorted = 0;
let down = false;
let most = PAGE_ROWS;

COLUMNS.forEach(([name, kind], place) => {
  const head = made('th', kind);
  head.scope = 'col';
  const button = made('button', '', name);
  button.type = 'button';
  button.addEventListener('click', () => {
    down = sorted === place ? !down : kind === 'n';
    sorted = place;
    showRows(Object.keys(doc.tasks || {}).sort(inOrder));
  });
  head.append(button);
  at('task-rows').tHead.rows[0].append(head);
});

function showRows(ids) {
  const wanted = at('filter').value.trim().toLowerCase();
  const fits = (id) => !wanted || id === wanted ||
    !/^\d+_\d+$/.test(wanted) && `${id} ${doc.tasks[id].at} ${doc.tasks[id].state}`.toLowerCase().includes(wanted);
  const value = COLUMNS[sorted][3] || COLUMNS[sorted][2];
  const compare = (a, b) => { const [x, y] = [value(a, doc.tasks[a]), value(b, doc.tasks[b])]; return x < y ? -1 : x > y ? 1 : 0; };
  const fitting = ids.filter(fits).sort((a, b) => (down ? -1 : 1) * compare(a, b) || inOrder(a, b));
  const visible = fitting.slice(0, most);
  const known = keep(at('task-rows').tBodies[0], visible, row(COLUMNS.map(([, kind]) => kind)));
  for (const id of visible) COLUMNS.forEach(([, , text], i) => set(known.get(id).cells[i], text(id, doc.tasks[id])));
  [...at('task-rows').tHead.rows[0].cells].forEach((head, i) =>
    head.setAttribute('aria-sort', i === sorted ? (down ? 'descending' : 'ascending') : 'none'));
  set(at('shown'), `${visible.length} of ${fitting.length} tasks`);
  at('more-tasks').hidden = visible.length === fitting.length;
}

at('filter').addEventListener('input', () => { most = PAGE_ROWS; showRows(Object.keys(doc.tasks || {}).sort(inOrder)); });
at('more-tasks').addEventListener('click', () => { most += PAGE_ROWS; showRows(Object.keys(doc.tasks).sort(inOrder)); });

// rebalances

function showRebalances() {
  const all = Object.entries(doc.rebalances).sort((a, b) => b[1].at_ms - a[1].at_ms);
  const longest = Math.max(1, ...all.map(([, one]) => one.took_ms));
  const known = keep(at('history'), all.map(([generation]) => generation), () => {
    const line = row(['', 'n', 'long', 'n', 'n', ''])();
    const bar = drawn('svg', 'bar', {viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': 'true'});
    bar.append(drawn('rect', 'pause', {x: 0, y: 0, height: 6}));
    line.lastChild.append(bar);
    return line;
  });
  for (const [generation, one] of all) {
    const cells = known.get(generation).cells;
    set(cells[0], new Date(one.at_ms).toLocaleString('en-GB'));
    set(cells[1], generation);
    set(cells[2], one.detail ? `${one.cause}: ${one.detail}` : one.cause);
    set(cells[3], whole.format(one.moved));
    set(cells[4], `${few.format(one.took_ms)} ms`);
    cells[5].firstChild.firstChild.setAttribute('width', (100 * one.took_ms / longest).toFixed(1));
  }
}

// stores

let stores = [];
let cursor = null;
let asking = 0;

async function fetchStores() {
  try {
    const answer = await ask('/stores');
    if (!answer.ok) return;
    stores = await answer.json();
  } catch { return; }
  at('store').replaceChildren(...stores.map(({name}) => { const one = made('option', '', name); one.value = name; return one; }));
  aboutStore();
}

const KINDS = {windows: /window/, sessions: /session/, versions: /versioned/};

function aboutStore() {
  const store = stores[at('store').selectedIndex];
  set(at('about'), !store ? 'There is no store.' :
    `${store.kind.replaceAll('_', ' ')}, keys ${store.key_serde}, values ${store.value_serde}, ` +
    (store.global ? 'whole on every instance' : `${store.partitions ?? 'an unknown number of'} partitions`));
  for (const option of at('what').options) option.hidden = Boolean(store && KINDS[option.value] && !KINDS[option.value].test(store.kind));
  if (at('what').selectedOptions[0]?.hidden) at('what').value = 'range';
}

at('store').addEventListener('change', aboutStore);
at('ask').addEventListener('submit', (event) => { event.preventDefault(); clearRows(); cursor = null; asked(); });
at('more-rows').addEventListener('click', () => asked());

function clearRows() {
  const table = at('rows');
  table.tHead.rows[0].replaceChildren();
  table.tBodies[0].replaceChildren();
  table.columns = [];
}

function target() {
  const [what, key] = [at('what').value, at('key').value];
  const path = `/stores/${encodeURIComponent(at('store').value)}/${what}`;
  if (what === 'keys') return `${path}/${encodeURIComponent(key)}`;
  const given = new URLSearchParams({limit: String(PAGE_ROWS)});
  if (cursor) given.set('cursor', cursor);
  if (what === 'range') {
    if (key) given.set('prefix', key);
    return `${path}?${given}`;
  }
  return `${path}/${encodeURIComponent(key)}?${given}`;
}

async function asked() {
  const mine = ++asking;
  const began = performance.now();
  try {
    const answer = await ask(target());
    const text = await answer.text();
    if (mine !== asking) return;
    if (!answer.ok) {
      const problem = JSON.parse(text);
      const later = Number(answer.headers.get('Retry-After'));
      set(at('answered'), `${answer.status}: ${problem.detail}${later ? ` Asked again in ${later} s.` : ''}`);
      if (later) setTimeout(() => { if (mine === asking) asked(); }, later * 1000);
      return;
    }
    const lines = text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const last = lines.length && ('cursor' in lines[lines.length - 1] || 'problem' in lines[lines.length - 1]) ? lines.pop() : {};
    lines.forEach(addRow);
    cursor = last.cursor ?? null;
    at('more-rows').hidden = cursor === null;
    const broken = last.problem ? ` It broke off: ${last.problem.detail}` : '';
    set(at('answered'), `${whole.format(at('rows').tBodies[0].rows.length)} rows, ${few.format(performance.now() - began)} ms.${broken}`);
  } catch (error) {
    if (mine === asking) set(at('answered'), error.message);
  }
}

function addRow(found) {
  const table = at('rows');
  table.columns ||= [];
  for (const name of Object.keys(found)) {
    if (!table.columns.includes(name)) {
      table.columns.push(name);
      const head = made('th', '', name);
      head.scope = 'col';
      table.tHead.rows[0].append(head);
    }
  }
  const line = made('tr');
  for (const name of table.columns) {
    const value = found[name];
    const cell = made('td', 'text', worded(name, value));
    if (name === 'timestamp' || name === 'window') cell.title = plain(JSON.stringify(value));
    line.append(cell);
  }
  table.tBodies[0].append(line);
}

const moment = (ms) => Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString().replace('.000Z', 'Z') : String(ms);

function worded(name, value) {
  if (value === undefined) return '';
  if (name === 'timestamp') return moment(value);
  if (name === 'window' && value) return `${moment(value.start)} – ${moment(value.end)}`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

// keys

document.addEventListener('keydown', (event) => {
  if (event.target.closest('input, select, textarea') || event.ctrlKey || event.metaKey || event.altKey) return;
  const part = ['summary', 'topology', 'tasks', 'rebalances', 'stores'][Number(event.key) - 1];
  if (part) { at(part).scrollIntoView(); at(part).focus({preventScroll: true}); }
  if (event.key === '/') { event.preventDefault(); at('filter').focus(); }
});

listen();
