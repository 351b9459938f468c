/**
 * The only scripts there are: a passkey can only be used by one. Each is a whole text, because its digest is what the
 * page's policy lets through.
 */

const bytes = `
const bytes=(t)=>Uint8Array.from(atob(t.replace(/-/g,'+').replace(/_/g,'/')),(c)=>c.charCodeAt(0));
const text=(b)=>btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\\+/g,'-').replace(/\\//g,'_').replace(/=+$/,'');
const tell=(words)=>{document.getElementById('passkey-problem').textContent=words};
`.trim();

export const passkeySignIn = `(()=>{
const box=document.getElementById('passkey');
if(!box||!window.PublicKeyCredential)return;
box.hidden=false;
${bytes}
const form=box.querySelector('form');
form.addEventListener('submit',async(event)=>{
event.preventDefault();
const asked=JSON.parse(form.dataset.options);
try{
const c=await navigator.credentials.get({publicKey:{...asked,challenge:bytes(asked.challenge),allowCredentials:[]}});
const r=c.response;
form.elements.response.value=JSON.stringify({id:c.id,rawId:text(c.rawId),type:c.type,clientExtensionResults:c.getClientExtensionResults(),authenticatorAttachment:c.authenticatorAttachment,response:{clientDataJSON:text(r.clientDataJSON),authenticatorData:text(r.authenticatorData),signature:text(r.signature),userHandle:r.userHandle?text(r.userHandle):undefined}});
form.submit();
}catch{tell('No passkey was used. Try again, or sign in with your password.')}
});
})();`;

export const passkeyEnrol = `(()=>{
const box=document.getElementById('passkey');
if(!box||!window.PublicKeyCredential)return;
box.hidden=false;
${bytes}
const form=box.querySelector('form');
form.addEventListener('submit',async(event)=>{
event.preventDefault();
const asked=JSON.parse(form.dataset.options);
try{
const c=await navigator.credentials.create({publicKey:{...asked,challenge:bytes(asked.challenge),user:{...asked.user,id:bytes(asked.user.id)},excludeCredentials:asked.excludeCredentials.map((it)=>({...it,id:bytes(it.id)}))}});
const r=c.response;
form.elements.response.value=JSON.stringify({id:c.id,rawId:text(c.rawId),type:c.type,clientExtensionResults:c.getClientExtensionResults(),authenticatorAttachment:c.authenticatorAttachment,response:{clientDataJSON:text(r.clientDataJSON),attestationObject:text(r.attestationObject),transports:r.getTransports?r.getTransports():[]}});
form.submit();
}catch{tell('No passkey was made. Perhaps this device has one for this account already.')}
});
})();`;
