/* Search in pages that are opened from a disk: browsers start no workers there, so the worker's
   script runs in a hidden frame. Written here, so that no page loads it from a network. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.waiting = []
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      this.inside = frame.contentWindow
      this.inside.postMessage = data => this.answer(data)
      this.inside.importScripts = () => Promise.resolve()
      const script = frame.contentDocument.createElement("script")
      script.src = url
      script.onload = () => {
        const late = this.waiting
        this.waiting = null
        late.forEach(data => this.postMessage(data))
      }
      script.onerror = () => this.dispatchEvent(new Event("error"))
      frame.contentDocument.body.append(script)
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data)
      else this.inside.dispatchEvent(new MessageEvent("message", { data }))
    }

    answer(data) {
      const event = new MessageEvent("message", { data })
      this.dispatchEvent(event)
      if (this.onmessage) this.onmessage(event)
    }
  }
}
