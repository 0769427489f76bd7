// The live picture of the page Unlock. It shows the camera as a mirror, draws over it what the server said of the last
// picture that it judged, and sends the next one. Only one is under way at a time, so that nothing queues up.

const LONG = 640, SHORT = 480; // pixels of a picture that is sent, at most
const QUALITY = 0.88; // of its JPEG
const REPEAT = 500; // ms without a new picture, after which the old one is sent: the server tells a camera that hangs
const PATIENCE = 4000; // ms, after which a picture that was not answered counts as lost
const FIRST_PATIENCE = 60000; // the first one may have to wait for the models
const FADE = 700; // ms until the box of a face that is not seen any more is gone
const REDRAW = 30; // ms: cameras give no more than 30 pictures a second
const COLOURS = { challenge: "#5fd0c6", holding: "#5fd0c6", unlocked: "#4cc38a", refused: "#ff8a7d", locked_out: "#ff8a7d" };
const WAITING = "#f0a35e";

const stages = new WeakMap();

export default function (component) {
  const parent = component.parentElement;
  if (!stages.has(parent)) stages.set(parent, new Stage(parent.querySelector(".camera")));
  const stage = stages.get(parent);
  stage.take(component.data, component.setTriggerValue);
  return () => {
    stage.close();
    stages.delete(parent);
  };
}

class Stage {
  constructor(root) {
    this.root = root;
    this.video = root.querySelector("video");
    this.canvas = root.querySelector("canvas");
    this.say = root.querySelector(".say");
    this.rate = root.querySelector(".rate");
    this.grabbed = document.createElement("canvas");
    this.still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.attempt = null;
    this.stream = null;
    this.drawn = 0;
  }

  // What the server said last; the first of an attempt opens the camera.
  take(data, send) {
    this.send = send;
    this.data = data;
    const now = performance.now();
    if (data.attempt !== this.attempt) {
      this.attempt = data.attempt;
      Object.assign(this, { sent: 0, judged: 0, waiting: false, fresh: false, box: null, goal: null, since: null });
      this.kept = false;
      this.root.classList.toggle("empty", data.done);
      this.rate.textContent = "";
      if (!data.done) this.open();
    } else if (this.waiting && data.answered === this.sent) {
      this.waiting = false;
      this.judged += 1;
      this.since ??= now;
      if (data.box) [this.goal, this.seen] = [mirrored(data.box), now];
      this.root.dataset.judged = this.judged;
      if (this.judged > 5) {
        this.rate.textContent = `judged: ${(((this.judged - 1) * 1000) / (now - this.since)).toFixed(0)} pictures/s`;
      }
    }
    this.ends = data.ends === null ? null : now + 1000 * data.ends;
    if (data.done) this.finish();
    else this.next();
    this.tell();
  }

  async open() {
    const attempt = this.attempt;
    this.release();
    if (!navigator.mediaDevices?.getUserMedia) return this.trouble("insecure", "");
    let stream;
    try {
      const wanted = { facingMode: "user", width: { ideal: LONG }, height: { ideal: SHORT } };
      stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    } catch (error) {
      if (attempt === this.attempt) this.trouble(error.name, error.message);
      return;
    }
    if (attempt !== this.attempt || this.data.done) return stop(stream);
    this.stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => this.trouble("ended", ""));
    this.video.srcObject = stream;
    this.video.onloadedmetadata = () => {
      this.root.style.aspectRatio = `${this.video.videoWidth} / ${this.video.videoHeight}`;
    };
    await this.video.play().catch(() => {}); // refused only where it is taken away at once
    if (stream !== this.stream) return;
    this.timer = setInterval(() => this.next(), 100);
    if (this.video.requestVideoFrameCallback) this.watch(stream);
    else this.always = true;
    this.animate();
    this.tell();
  }

  animate(last = 0) {
    this.frame = requestAnimationFrame((now) => {
      const due = now - last >= REDRAW;
      if (due) this.draw();
      this.animate(due ? now : last);
    });
  }

  watch(stream) {
    this.video.requestVideoFrameCallback(() => {
      if (stream !== this.stream) return;
      this.fresh = true;
      this.next();
      this.watch(stream);
    });
  }

  // Sends the picture of this moment, if the last one was answered or is lost.
  next() {
    const now = performance.now();
    if (!this.stream || this.data.done || !this.video.videoWidth) return;
    if (this.waiting && now - this.sentAt < (this.judged ? PATIENCE : FIRST_PATIENCE)) return;
    if (!this.fresh && !this.always && this.sent && now - this.sentAt < REPEAT) return;
    const { videoWidth: width, videoHeight: height } = this.video;
    const scale = Math.min(1, LONG / Math.max(width, height), SHORT / Math.min(width, height));
    this.grabbed.width = Math.round(scale * width);
    this.grabbed.height = Math.round(scale * height);
    this.grabbed.getContext("2d").drawImage(this.video, 0, 0, this.grabbed.width, this.grabbed.height);
    const picture = this.grabbed.toDataURL("image/jpeg", QUALITY);
    Object.assign(this, { waiting: true, fresh: false, sentAt: now, sent: this.sent + 1 });
    const camera = this.stream.getVideoTracks()[0].label;
    this.send("frame", { attempt: this.attempt, number: this.sent, picture, camera });
  }

  trouble(name, message) {
    this.release();
    this.send("trouble", { attempt: this.attempt, name, message });
  }

  // The last picture stays, if there is one; the camera does not.
  finish() {
    if (!this.stream || !this.video.videoWidth) {
      this.release();
      this.root.classList.toggle("empty", !this.kept);
      return;
    }
    const picture = document.createElement("canvas");
    picture.width = this.video.videoWidth;
    picture.height = this.video.videoHeight;
    picture.getContext("2d").drawImage(this.video, 0, 0);
    this.box = this.goal;
    this.draw(picture);
    this.kept = true;
    this.release();
  }

  release() {
    if (this.stream) stop(this.stream);
    this.stream = null;
    this.video.srcObject = null;
    clearInterval(this.timer);
    cancelAnimationFrame(this.frame);
  }

  close() {
    this.attempt = null;
    this.release();
  }

  tell() {
    const { done, state, instruction, reason } = this.data;
    let text = instruction || reason;
    if (done) text = { unlocked: "Unlocked", undefined: "" }[state] ?? "Not unlocked";
    else if (!this.stream) text = "Waiting for the camera. Allow it if the browser asks.";
    else if (!this.judged) text = "One moment ...";
    if (this.say.textContent !== text) this.say.textContent = text; // a screen reader reads every change aloud
    this.root.dataset.state = state;
  }

  draw(picture = null) {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.root.clientWidth, this.root.clientHeight];
    if (this.canvas.width !== Math.round(ratio * width) || this.canvas.height !== Math.round(ratio * height)) {
      [this.canvas.width, this.canvas.height] = [Math.round(ratio * width), Math.round(ratio * height)];
    }
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (picture) {
      pen.setTransform(-ratio, 0, 0, ratio, ratio * width, 0);
      pen.drawImage(picture, 0, 0, width, height);
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    pen.strokeStyle = pen.fillStyle = COLOURS[this.data.state] || WAITING;
    pen.lineCap = pen.lineJoin = "round";
    pen.shadowColor = "rgba(0, 0, 0, 0.7)";
    pen.shadowBlur = 4;
    this.drawBox(pen, width, height, Boolean(picture));
    if (!picture) {
      this.drawArrow(pen, width, height);
      this.drawTime(pen, width);
    }
    this.drawSteps(pen, width);
    this.drawn += 1;
    this.root.dataset.drawn = this.drawn;
  }

  // Corners around the face. They glide to where it was judged to be, because that is known for some pictures only.
  drawBox(pen, width, height, sharp) {
    if (!this.goal) return;
    const age = performance.now() - this.seen;
    if (!sharp && age > FADE) return;
    this.box = this.box && !sharp ? this.box.map((value, index) => value + 0.35 * (this.goal[index] - value)) : this.goal;
    const [x, y, w, h] = [this.box[0] * width, this.box[1] * height, this.box[2] * width, this.box[3] * height];
    const arm = 0.22 * Math.min(w, h);
    pen.globalAlpha = sharp ? 1 : Math.min(1, (2 * (FADE - age)) / FADE);
    pen.lineWidth = 4;
    pen.beginPath();
    for (const [cx, cy, dx, dy] of [[x, y, 1, 1], [x + w, y, -1, 1], [x + w, y + h, -1, -1], [x, y + h, 1, -1]]) {
      pen.moveTo(cx + dx * arm, cy);
      pen.lineTo(cx, cy);
      pen.lineTo(cx, cy + dy * arm);
    }
    pen.stroke();
    pen.globalAlpha = 1;
  }

  // Chevrons to the side to turn to: in a mirror the user's left is on the left. For looking ahead, a ring.
  drawArrow(pen, width, height) {
    const { pose, state } = this.data;
    if (!pose || state !== "challenge") return;
    const beat = this.still ? 0.5 : (performance.now() / 700) % 1;
    const size = 0.09 * Math.min(width, height);
    pen.lineWidth = 0.3 * size;
    if (pose === "ahead") {
      pen.beginPath();
      pen.arc(width / 2, 0.14 * height, size * (0.55 + 0.15 * Math.sin(2 * Math.PI * beat)), 0, 2 * Math.PI);
      pen.stroke();
      return;
    }
    const side = pose === "left" ? -1 : 1;
    const edge = width / 2 + side * (width / 2 - 1.2 * size);
    for (let index = 0; index < 3; index += 1) {
      const tip = edge - side * size * 0.9 * (2 - index);
      pen.globalAlpha = 0.35 + 0.65 * Math.max(0, 1 - Math.abs(3 * beat - index - 0.5));
      pen.beginPath();
      pen.moveTo(tip - side * 0.6 * size, height / 2 - size);
      pen.lineTo(tip, height / 2);
      pen.lineTo(tip - side * 0.6 * size, height / 2 + size);
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  drawSteps(pen, width) {
    const { step, steps, state } = this.data;
    if (!steps || (!step && !COLOURS[state])) return;
    for (let index = 0; index < steps; index += 1) {
      pen.beginPath();
      pen.arc(width / 2 + 22 * (index - (steps - 1) / 2), 22, 6, 0, 2 * Math.PI);
      pen.lineWidth = 2.5;
      if (index < step) pen.fill();
      pen.stroke();
    }
  }

  drawTime(pen, width) {
    if (this.ends === null) return;
    const left = Math.max(0, this.ends - performance.now()) / (1000 * this.data.timeout);
    pen.fillRect(0, 0, width * Math.min(1, left), 4);
  }
}

function mirrored([x, y, width, height]) {
  return [1 - x - width, y, width, height];
}

function stop(stream) {
  stream.getTracks().forEach((track) => track.stop());
}
