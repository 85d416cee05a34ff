// A frame of the camera as an image. The picture goes to the studio of this machine, and nowhere else.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Dropped } from "./drop";
import { complain } from "./toast";

export function Camera({ take }: { take: (files: Dropped[]) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [stream, setStream] = useState<MediaStream | null>(null);
  useEffect(() => {
    if (stream && video.current) video.current.srcObject = stream;
    return () => stream?.getTracks().forEach((track) => track.stop());
  }, [stream]);
  const open = () => navigator.mediaDevices.getUserMedia({ video: true }).then(setStream, () =>
    complain(new Error("The browser gives no camera: there is none, or it was not allowed.")));
  const shoot = () => {
    const canvas = document.createElement("canvas");
    const side = Math.min(video.current!.videoWidth, video.current!.videoHeight);
    canvas.width = canvas.height = side;   // the middle, as most models take squares
    canvas.getContext("2d")!.drawImage(video.current!, (video.current!.videoWidth - side) / 2,
      (video.current!.videoHeight - side) / 2, side, side, 0, 0, side, side);
    canvas.toBlob((blob) => take([{ name: "camera.png", file: new File([blob!], "camera.png") }]));
  };
  if (!navigator.mediaDevices) return null;
  if (!stream) return <button onClick={() => void open()}>Use the camera</button>;
  return <div class="camera"><video ref={video} autoPlay muted playsInline aria-label="The camera" />
    <div class="row"><button class="primary" onClick={shoot}>Take a frame</button>
      <button onClick={() => setStream(null)}>Close the camera</button></div></div>;
}
