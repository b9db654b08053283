"""The tensors of this folder, by torch."""
import torch

x=torch.arange(12.).reshape(4,3)/4-1
torch.save({'emb':x.T, 'bf':x.bfloat16(),'f8':x.to(torch.float8_e4m3fn),'f8b':x.to(torch.float8_e5m2),'h':x.half(),'u16':x.abs().to(torch.uint16),'i8':x.to(torch.int8),'b':x>0,'n':3,'s':'text','l':[1,2,x[1:3]],'nest':{'a.b':x[:,::2]},'ids':torch.arange(4), 'none':None,'f':1.5,'t':True, 'dev':torch.device('cpu'),'size':x.shape,'dt':torch.float32,'c':x.to(torch.complex64), 'e':x[:1].expand(4,3), 'sc':torch.tensor(3.)},'tensors.pt')
